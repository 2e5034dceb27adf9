import { isDeno } from './runtime.ts'

/** What the runtime says of the process that we are. */
export const ownProcess = () => {
  const { user, system } = process.cpuUsage()
  const { deno, bun = null } = process.versions
  return {
    residentBytes: process.memoryUsage().rss,
    /** Of all threads, since the start. */
    cpuSeconds: (user + system) / 1e6,
    /** Since the epoch. */
    startedAtSeconds: performance.timeOrigin / 1000,
    runtime: isDeno ? 'deno' : 'bun',
    runtimeVersion: (isDeno ? deno : bun) ?? '',
  }
}

/** Whether standard error is read by a person. */
export const isTerminal = (): boolean => process.stderr.isTTY === true

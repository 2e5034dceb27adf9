import { existsSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dir, '../..')

/** The server's source, run by the runtime that runs the tests. */
export const SOURCE = [process.execPath, join(ROOT, 'src/main.ts')]

/** The files that `bun run build` and `bun run compile` make; made here if they are missing. */
export function built(name: 'tollgate.js' | 'tollgate'): string {
  const path = join(ROOT, 'dist', name)
  if (existsSync(path)) return path
  const script = name === 'tollgate' ? 'compile' : 'build'
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, 'run', script], { cwd: ROOT })
  if (exitCode !== 0) throw new Error(`bun run ${script} failed:\n${stderr}`)
  return path
}

/** Deno itself: the script in `.bin` waits for it, and passes no signal on. */
export const DENO = join(ROOT, 'node_modules/deno/deno')

/** What the README tells a user of Deno to allow, and nothing more. */
export const DENO_FLAGS = [
  '--no-prompt',
  '--allow-net',
  '--allow-read',
  '--allow-write',
  '--allow-env',
]

type Program = readonly [name: string, command: () => string[]]

/** Tollgate in each form in which it comes, as a command. */
export const PROGRAMS: readonly [Program, Program, Program] = [
  ['the source on Bun', () => [...SOURCE]],
  ['the bundle on Deno', () => [DENO, 'run', ...DENO_FLAGS, built('tollgate.js')]],
  ['the executable', () => [built('tollgate')]],
]

export type Outcome = { readonly code: number; readonly out: string; readonly errors: string }

/** Runs a command that ends by itself; one that does not within 20 s is killed, and answers -1. */
export async function run(
  command: readonly string[],
  { folder, env = {} }: { folder: string; env?: Readonly<Record<string, string>> },
): Promise<Outcome> {
  const path = `${join(ROOT, 'node_modules/.bin')}${delimiter}${process.env['PATH'] ?? ''}`
  const child = Bun.spawn([...command], {
    cwd: folder,
    env: { PATH: path, HOME: process.env['HOME'] ?? '', NO_COLOR: '1', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: 20_000,
    killSignal: 'SIGKILL',
  })
  const [out, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code: child.signalCode === null ? code : -1, out, errors }
}

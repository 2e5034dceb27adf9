import { applySettings, commandLine } from './runtime/runtime.ts'

/** Commands that neither fetch nor serve, and need no settings. */
const OTHERS = new Set([
  'check',
  'verify',
  'backup',
  'export',
  'prune',
  '--help',
  '-h',
  '--version',
  '-v',
])

// Before all else is loaded, because it may begin the process anew: half of the time of a start.
if (!OTHERS.has(commandLine()[0] ?? '')) applySettings()

const { run } = await import('./command-line.ts')
await run()

/**
 * `bun run test`: builds what the end-to-end tests run (bundle and executable), runs every test,
 * and ends with the plain line `N passed, N failed`, counted from the runner's own report.
 */
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

async function run(command: string[]): Promise<number> {
  const child = Bun.spawn([process.execPath, ...command], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return child.exited
}

for (const script of ['build', 'compile']) {
  if ((await run(['run', script])) !== 0) process.exit(1)
}

const report = join(mkdtempSync(join(tmpdir(), 'tollgate-report-')), 'junit.xml')
// `timeout` in bunfig.toml has no effect in Bun 1.4.5.
const options = [
  '--timeout=30000',
  '--reporter=junit',
  `--reporter-outfile=${report}`,
  ...process.argv.slice(2),
]
const exitCode = await run(['test', ...options])

const [, attributes = ''] = /<testsuites\b([^>]*)>/.exec(readFileSync(report, 'utf8')) ?? []
const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(attributes)?.[1] ?? 0)
const failed = count('failures') + count('errors')
const passed = count('tests') - failed - count('skipped')
console.log(`${passed} passed, ${failed} failed`)
process.exit(exitCode === 0 && failed === 0 && passed > 0 ? 0 : 1)

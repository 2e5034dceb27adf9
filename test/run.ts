/**
 * `bun run test`: builds what the end-to-end tests run (bundle and executable), runs every test,
 * and ends with the plain line `N passed, N failed`, counted from the runner's own report. Paths as
 * arguments: only those. Without Chromium the browser's tests are left out, and that is said; in CI
 * they fail.
 */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CHROMIUM, NO_CHROMIUM } from './support/browser.ts'

async function run(command: string[]): Promise<number> {
  const child = Bun.spawn([process.execPath, ...command], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return child.exited
}

for (const script of ['build', 'compile']) {
  if ((await run(['run', script])) !== 0) process.exit(1)
}

const wanted = process.argv.slice(2)
const withoutBrowser =
  !existsSync(CHROMIUM) && process.env['CI'] === undefined && wanted.length === 0
const report = join(mkdtempSync(join(tmpdir(), 'tollgate-report-')), 'junit.xml')
// `timeout` in bunfig.toml has no effect in Bun 1.4.5.
const options = [
  '--timeout=30000',
  // Most of an end-to-end test is waiting, for processes and for the disk.
  '--parallel=2',
  '--reporter=junit',
  `--reporter-outfile=${report}`,
  ...(withoutBrowser ? ['--path-ignore-patterns=test/ui/**'] : []),
  ...wanted,
]
const exitCode = await run(['test', ...options])

const [, attributes = ''] = /<testsuites\b([^>]*)>/.exec(readFileSync(report, 'utf8')) ?? []
const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(attributes)?.[1] ?? 0)
const failed = count('failures') + count('errors')
const passed = count('tests') - failed - count('skipped')
if (withoutBrowser) console.log(`Left out: the tests in a browser. ${NO_CHROMIUM}`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(exitCode === 0 && failed === 0 && passed > 0 ? 0 : 1)

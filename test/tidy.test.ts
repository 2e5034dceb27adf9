// test/tidy.test.ts
import { describe, expect, test } from 'bun:test'
import { dirname, join, relative } from 'node:path'

/**
 * The architecture, as a test. A folder may import itself, and what its row names.
 * All may import `errors.ts`; all but the pure `log.ts`; `app.ts` and `main.ts` may import all.
 */
const MAY_IMPORT: Record<string, string[]> = {
  ledger: [],
  metering: ['ledger'],
  config: ['metering', 'ledger'],
  providers: ['metering'],
  events: ['ledger'],
  gateway: ['providers', 'events', 'metering', 'ledger', 'config'],
  exports: ['events', 'metering', 'ledger', 'config', 'runtime'],
  store: ['metering', 'ledger', 'runtime'],
  observe: ['gateway', 'metering', 'ledger', 'config'],
  http: ['gateway', 'events', 'metering', 'ledger', 'config', 'ui'],
  runtime: [],
  ui: [],
}

/** The pure middle: time, randomness and I/O are handed in, and nothing waits. */
const PURE = ['ledger', 'metering']
const IMPURE =
  /\b(async|await|fetch|process|Bun|console|setTimeout)\b|Date\.now|new Date\(\)|Math\.random/

const LINES_MAX = 300
const COLUMNS_MAX = 100
const root = join(import.meta.dir, '..', 'src')
const files = [...new Bun.Glob('**/*.{ts,tsx}').scanSync(root)].sort()

const folderOf = (path: string) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '')
/** Code without comments and strings, so that prose may say `await`. */
const bare = (code: string) => code.replace(/\/\*[\s\S]*?\*\/|\/\/.*|'[^'\n]*'|`[^`]*`/g, '')

describe.each(files)('src/%s', (path) => {
  const folder = folderOf(path)

  test('is in its place and no longer than it may be', async () => {
    const code = await Bun.file(join(root, path)).text()
    const lines = code.split('\n').length - 1
    expect(lines, `${lines} lines; split it by subject`).toBeLessThanOrEqual(LINES_MAX)
    for (const line of code.split('\n')) {
      if (!line.includes('https://')) expect(line.length, line).toBeLessThanOrEqual(COLUMNS_MAX)
    }
    expect(code, 'a note to self belongs in an issue').not.toMatch(/\b(TODO|FIXME|XXX)\b/)
    if (PURE.includes(folder)) expect(bare(code), 'the pure middle').not.toMatch(IMPURE)
  })

  test('imports only what its folder may', async () => {
    if (folder === '') return
    const code = await Bun.file(join(root, path)).text()
    // Type-only imports are dependencies too, so the specifiers are read from the text.
    const specifiers = [
      ...code.matchAll(/^(?:import|export)\b[^'"]*from\s+['"](\.[^'"]+)['"]/gm),
    ].map((match) => match[1]!)
    for (const specifier of specifiers) {
      const target = relative(root, join(root, dirname(path), specifier))
      const targetFolder = folderOf(target)
      const allowed =
        targetFolder === folder ||
        target === 'errors.ts' ||
        (target === 'log.ts' && !PURE.includes(folder)) ||
        MAY_IMPORT[folder]!.includes(targetFolder)
      expect(allowed, `${folder} must not import ${target}`).toBe(true)
    }
  })
})

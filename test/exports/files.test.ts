import { afterAll, expect, test } from 'bun:test'
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { type FileStore, FileWriter } from '../../src/exports/files.ts'
import { DAY_MS } from '../../src/ledger/day.ts'
import type { ExportRow } from '../../src/ledger/parcel.ts'
import { newFolder } from '../support/store.ts'
import { row } from './rows.ts'

const START = Date.UTC(2026, 10, 1)
const folders: string[] = []

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

/** Rows of some days, in slices; `dies` says whether a slice is written and not committed. */
function world(...slices: (readonly ExportRow[])[]) {
  const directory = newFolder()
  folders.push(directory)
  const bytes = new Map<string, number>()
  let from = 0
  let deaths = 0
  const store: FileStore = {
    waiting: () => (from < slices.length ? { rows: slices[from]!, from, upTo: from + 1 } : null),
    files: () => bytes,
    fileOpened: async (_, file) => void bytes.set(file, 0),
    async written(_, by) {
      if (deaths > 0) {
        deaths--
        throw Object.assign(new Error('killed before the commit'), { code: 'KILLED' })
      }
      for (const [file, length] of by.bytes) bytes.set(file, length)
      from = by.upTo
    },
  }
  let head = 'id\r\n'
  const lines = () => ({ head, lineOf: ({ id }: { id: string }) => `${id}\r\n` })
  const start = () =>
    new FileWriter({ name: 'books', directory }, { store, lines: lines(), now: () => START })
  const lifeOf = async (kills: number) => {
    deaths = kills
    const writer = start()
    await writer.drain()
    await writer.stop()
    return writer
  }
  const files = () => readdirSync(directory).sort()
  const read = (file: string) => readFileSync(join(directory, file), 'utf8')
  const setHead = (text: string) => {
    head = text
  }
  return {
    directory,
    lifeOf,
    start,
    files,
    read,
    setHead,
    add: (more: ExportRow[]) => slices.push(more),
  }
}

const slice = (...rows: (readonly [n: number, day: number])[]) =>
  rows.map(([n, day]) => row(n, { at: START + day * DAY_MS }))

const idsIn = (text: string) => text.split('\r\n').slice(1, -1)

test('a row is a line in the file of its day, also of a day that is over', async () => {
  const { lifeOf, files, read } = world(slice([1, 0], [2, 0]), slice([3, 1], [4, 0]))
  await lifeOf(0)
  expect(files()).toEqual(['books-2026-11-01.csv', 'books-2026-11-02.csv'])
  expect(idsIn(read('books-2026-11-01.csv')).map((id) => Number(id.slice(-6)))).toEqual([1, 2, 4])
  expect(read('books-2026-11-02.csv')).toStartWith('id\r\n')
})

test('each row is there once, however often the process dies between a write and its commit', async () => {
  const days = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 })
  const lives = fc.array(fc.boolean(), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(days, { minLength: 1, maxLength: 6 }),
      lives,
      async (given, dying) => {
        let n = 0
        const slices = given.map((of) => slice(...of.map((day) => [n++, day] as const)))
        const { lifeOf, files, read, directory } = world(...slices)
        for (const isDying of dying) {
          await lifeOf(isDying ? 1 : 0)
          // Half a line of what was not committed, as a kill in the midst of a write leaves it.
          if (isDying) for (const file of files()) appendFileSync(join(directory, file), '01M85Y')
        }
        await lifeOf(0)
        const ids = files().flatMap((file) => idsIn(read(file)))
        expect(ids.toSorted()).toEqual(slices.flat().map(({ record }) => record.id))
        for (const file of files()) expect(read(file)).toStartWith('id\r\n')
      },
    ),
    { numRuns: 40 },
  )
})

test('a file that is somebody else’s is left alone, and said to be in the way', async () => {
  const { start, directory, read } = world(slice([1, 0]))
  writeFileSync(join(directory, 'books-2026-11-01.csv'), 'mine')
  const writer = start()
  await writer.drain()
  expect(writer.lastFailure!.error).toContain('not by this database: move it away')
  expect(read('books-2026-11-01.csv')).toBe('mine')
  renameSync(join(directory, 'books-2026-11-01.csv'), join(directory, 'kept.csv'))
  await writer.drain()
  expect(idsIn(read('books-2026-11-01.csv'))).toHaveLength(1)
  await writer.stop()
})

test('a file that was moved away begins anew, and one that was cut is not written on', async () => {
  const { lifeOf, start, directory, read, add } = world(slice([1, 0]))
  const name = 'books-2026-11-01.csv'
  await lifeOf(0)
  renameSync(join(directory, name), join(directory, 'kept.csv'))
  add(slice([2, 0]))
  await lifeOf(0)
  expect(read(name)).toMatch(/^id\r\n\w+000002\r\n$/)
  expect(read('kept.csv')).toMatch(/^id\r\n\w+000001\r\n$/)

  writeFileSync(join(directory, name), 'id\r\n')
  add(slice([3, 0]))
  const writer = start()
  await writer.drain()
  await writer.stop()
  expect(writer.lastFailure!.error).toContain('has 4 bytes of the 32 that were written')
  expect(read(name)).toBe('id\r\n')
})

test('lines of other columns go to a file of their own, and those of the old ones to theirs', async () => {
  const { lifeOf, files, read, add, setHead } = world(slice([1, 0]))
  await lifeOf(0)
  for (const [n, head] of [
    [2, 'id,more\r\n'],
    [3, 'id,more\r\n'],
    [4, 'id\r\n'],
  ] as const) {
    add(slice([n, 0]))
    setHead(head)
    await lifeOf(0)
  }
  expect(files()).toEqual(['books-2026-11-01-2.csv', 'books-2026-11-01.csv'])
  expect(read('books-2026-11-01.csv')).toMatch(/^id\r\n\w+1\r\n\w+4\r\n$/)
  expect(read('books-2026-11-01-2.csv')).toMatch(/^id,more\r\n\w+2\r\n\w+3\r\n$/)
})

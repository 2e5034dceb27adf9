import { Database } from 'bun:sqlite'
import { expect, spyOn, test } from 'bun:test'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { nanos } from '../../src/ledger/money.ts'
import { openDatabase } from '../../src/runtime/sqlite.ts'
import { configure } from '../../src/store/open.ts'
import { watchWal } from '../../src/store/wal.ts'
import { eventually } from '../support/eventually.ts'
import { charged, newFolder, openStore } from '../support/store.ts'

/** By SQLite's page on `PRAGMA synchronous`: 1 is NORMAL, 2 is FULL. */
test.each([
  ['process', 'of the process', { journal_mode: 'wal', synchronous: 1, fullfsync: 0 }],
  ['power', 'of the power', { journal_mode: 'wal', synchronous: 2, fullfsync: 1 }],
] as const)('durability %s outlives the death %s', async (durability, _, settings) => {
  const database = await openDatabase(join(newFolder(), 'tollgate.db'), 'readwrite')
  configure(database, durability)
  for (const [name, value] of Object.entries(settings)) {
    expect(database.prepare(`PRAGMA ${name}`).get()).toEqual({ [name]: value })
  }
})

test('a lock that somebody else holds never stops the event loop', async () => {
  const { store, path } = await openStore()
  using other = new Database(path)
  other.run('BEGIN IMMEDIATE')
  const written = store.commit(charged(null, { charge: nanos(1), settledAt: 1 }), [])
  let longestMs = 0
  await eventually(async () => {
    const startedAt = performance.now()
    await new Promise((resolve) => setImmediate(resolve))
    longestMs = Math.max(longestMs, performance.now() - startedAt)
    expect(store.isHealthy()).toBe(false)
  })
  // Waiting inside SQLite, as `busy_timeout` does, took 250 ms and more at each try.
  expect(longestMs).toBeLessThan(200)
  other.run('ROLLBACK')
  await written
  store.close()
})

test('a database that is made can be read by its owner only', async () => {
  const { store, path } = await openStore()
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600)
  store.close()
})

test('a stopped server has everything in the one file', async () => {
  const { store, path } = await openStore()
  await store.setBlocked(['alice'], false)
  store.close()
  expect(statSync(`${path}-wal`).size).toBe(0)
})

test('a write-ahead log that grows because somebody reads for long is told', async () => {
  const { store, path } = await openStore()
  using reader = new Database(path)
  reader.run('BEGIN')
  reader.query('SELECT count(*) FROM customers').get()
  await store.setBlocked(
    Array.from({ length: 500 }, (_, n) => `customer-${n}`),
    false,
  )
  const written = spyOn(console, 'error').mockImplementation(() => {})
  const stop = watchWal(path, { everyMs: 1, bytesMax: 50_000 })
  await eventually(() => expect(written).toHaveBeenCalled())
  const [line] = written.mock.calls[0]!
  expect(JSON.parse(line)).toMatchObject({ level: 'warn' })
  expect(line).toContain(`${path}-wal grows: somebody has been reading the database`)
  stop()
  written.mockRestore()
  store.close()
})

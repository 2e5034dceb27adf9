import { Database as BunDatabase } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { nanos } from '../../src/ledger/money.ts'
import { openDatabase } from '../../src/runtime/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { summing, sumUpIn, type Unsummed } from '../../src/store/unsummed.ts'
import { verify } from '../../src/store/verify.ts'
import { charged, newFolder, openStore } from '../support/store.ts'

const charge = (store: Store, amount: number, at: number) =>
  store.commit(charged(null, { charge: nanos(amount), settledAt: at }), [])

/** What the file would be if the process died now: nothing is closed. */
function copyAsIs(path: string): string {
  const copy = join(newFolder(), 'tollgate.db')
  for (const end of ['', '-wal']) {
    if (existsSync(`${path}${end}`)) copyFileSync(`${path}${end}`, `${copy}${end}`)
  }
  return copy
}

function unsummed(path: string): number {
  using database = new BunDatabase(path, { readonly: true })
  const sql = 'SELECT count(*) AS rows FROM unsummed, json_each(unsummed.ids)'
  return (database.query(sql).get() as { rows: number }).rows
}

const chargedOn = (store: Store, day: number): number =>
  store.series.daysOfAll(day, day).reduce((sum, { charge }) => sum + charge, 0)

const day = (at: number) => Math.floor(at / 86_400_000)

test('whoever reads sums finds in them what was committed just before', async () => {
  const { store, clock } = await openStore()
  for (let sum = 1; sum <= 3; sum++) {
    await charge(store, 1, clock.now)
    expect(chargedOn(store, day(clock.now))).toBe(sum)
  }
})

test('rows that a dead process had not summed up are summed by the next, once', async () => {
  const { store, path, clock } = await openStore()
  await charge(store, 2, clock.now)
  await charge(store, 3, clock.now)
  const copy = copyAsIs(path)
  expect(unsummed(copy)).toBe(2)
  expect((await verify(copy)).faults).toEqual([])
  const next = await openStore({ path: copy })
  expect(chargedOn(next.store, day(clock.now))).toBe(5)
  await charge(next.store, 4, clock.now)
  next.store.close()
  expect(unsummed(copy)).toBe(0)
  expect((await verify(copy)).faults).toEqual([])
})

test('verify finds a row that is noted as not summed, and is', async () => {
  const { store, path, clock } = await openStore()
  await charge(store, 2, clock.now)
  store.close()
  using database = new BunDatabase(path)
  database.run('INSERT INTO unsummed SELECT 1, json_array(id) FROM ledger')
  expect((await verify(path)).faults).not.toEqual([])
})

test('rows are summed once, whoever sums them and whenever the process dies', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('charge' as const), amount: fc.nat(1_000) }),
    fc.constantFrom({ kind: 'read' as const }, { kind: 'elsewhere' as const }),
    fc.constantFrom({ kind: 'die' as const }, { kind: 'restart' as const }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      let { store, path, clock } = await openStore()
      let sum = 0
      for (const what of steps) {
        if (what.kind === 'charge') {
          sum += what.amount
          await charge(store, what.amount, clock.now)
        } else if (what.kind === 'read') {
          expect(chargedOn(store, day(clock.now))).toBe(sum)
        } else if (what.kind === 'elsewhere') {
          const other = await openDatabase(path, 'readwrite')
          sumUpIn(other)
          other.close()
        } else {
          const next = what.kind === 'die' ? copyAsIs(path) : path
          store.close()
          ;({ store, path, clock } = await openStore({ path: next }))
        }
        expect((await verify(path)).faults).toEqual([])
      }
      expect(chargedOn(store, day(clock.now))).toBe(sum)
      store.close()
    }),
    { numRuns: 15 },
  )
})

test('while the disk takes nothing, however often sums are read, they are queued to be made once', () => {
  const queued: unknown[] = []
  const unsummed = { rows: 3, added: () => {}, sumUp: () => 0, summed: () => {} }
  const notNow = () => {
    throw new Error('no disk')
  }
  const flush = { soon: (write: unknown) => queued.push(write), now: notNow, isHealthy: false }
  const { now, stop } = summing(unsummed as unknown as Unsummed, flush as never)
  for (let asked = 0; asked < 5; asked++) expect(now).toThrow('no disk')
  expect(queued).toHaveLength(1)
  stop()
})

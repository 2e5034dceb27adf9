import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type Database, openDatabase } from '../../src/runtime/sqlite.ts'
import { Flush } from '../../src/store/flush.ts'
import { eventually } from '../support/eventually.ts'
import { newFolder } from '../support/store.ts'

/** A database that counts its transactions and can be told to fail them as a full disk does. */
async function openFailing() {
  const database = await openDatabase(join(newFolder(), 'flush.db'), 'readwrite')
  database.exec('CREATE TABLE t (n INTEGER UNIQUE)')
  const state = { full: false, tries: 0, commits: 0 }
  const changes = database.prepare('SELECT total_changes() AS n')
  let seen = changes.get()!['n']
  let isWritten = false
  const failing: Database = {
    ...database,
    exec(sql) {
      if (sql.startsWith('PRAGMA user_version =')) isWritten = true
      database.exec(sql)
    },
    prepare(sql) {
      const statement = database.prepare(sql)
      if (sql !== 'COMMIT') return statement
      return {
        ...statement,
        run() {
          state.tries++
          const total = changes.get()!['n']
          const writes = isWritten || total !== seen
          isWritten = false
          seen = total
          // A transaction that wrote nothing needs no disk.
          if (state.full && writes) {
            throw Object.assign(new Error('full'), { name: 'SQLiteError', errno: 13 })
          }
          statement.run()
          state.commits++
        },
      }
    },
  }
  const insert = database.prepare('INSERT INTO t VALUES (?1)')
  const count = database.prepare('SELECT count(*) AS n FROM t')
  return { flush: new Flush(failing, 'flush.db'), state, insert, rows: () => count.get()!['n'] }
}

describe('the flush loop', () => {
  test('commits everything that queued up together in one transaction', async () => {
    const { flush, state, insert, rows } = await openFailing()
    const writes = Array.from({ length: 100 }, (_, n) => flush.enqueue(() => insert.run(n)))
    expect(rows()).toBe(0)
    await Promise.all(writes)
    expect(rows()).toBe(100)
    expect(state.commits).toBe(1)
  })

  test('undoes a write that throws, alone, and tells its caller', async () => {
    const { flush, insert, rows } = await openFailing()
    const before = flush.enqueue(() => insert.run(1))
    const failing = flush.enqueue(() => {
      insert.run(2)
      throw new Error('no')
    })
    const after = flush.enqueue(() => insert.run(3))
    expect(failing).rejects.toThrow('no')
    await Promise.all([before, after])
    expect(rows()).toBe(2)
  })

  test('brings memory up to date before anybody else can act', async () => {
    const { flush, insert } = await openFailing()
    const order: string[] = []
    const first = flush.enqueue(() => insert.run(1)).then(() => order.push('first told'))
    const second = flush
      .enqueue(
        () => insert.run(2),
        () => order.push('second committed'),
      )
      .then(() => order.push('second told'))
    await Promise.all([first, second])
    expect(order).toEqual(['second committed', 'first told', 'second told'])
  })

  test('keeps what a full disk refuses, says so, and writes it when there is room', async () => {
    const { flush, state, insert, rows } = await openFailing()
    state.full = true
    const write = flush.enqueue(() => insert.run(1))
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    expect(flush.isHealthy).toBe(false)
    expect(rows()).toBe(0)
    const later = flush.enqueue(() => insert.run(2))
    state.full = false
    await Promise.all([write, later])
    expect(flush.isHealthy).toBe(true)
    expect(rows()).toBe(2)
  })

  test('refuses at once who would not wait, and then never does what was asked', async () => {
    const { flush, state, insert, rows } = await openFailing()
    state.full = true
    const charge = flush.enqueue(() => insert.run(1))
    const before = flush.attempt(() => insert.run(2))
    expect(before).rejects.toMatchObject({ code: 'overloaded' })
    await eventually(() => expect(flush.isHealthy).toBe(false))
    const { tries } = state
    const refused = await flush.attempt(() => insert.run(3)).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'overloaded' })
    expect(state.tries).toBe(tries)
    expect(() => flush.now()).toThrow('cannot be written')
    state.full = false
    await charge
    expect(rows()).toBe(1)
  })

  test('finds out by itself that the disk is back when nothing is queued any more', async () => {
    const { flush, state, insert, rows } = await openFailing()
    state.full = true
    await flush.attempt(() => insert.run(1)).catch(() => {})
    expect(flush.isHealthy).toBe(false)
    const tries = state.tries
    await eventually(() => expect(state.tries).toBeGreaterThan(tries))
    expect(flush.isHealthy).toBe(false)
    state.full = false
    await eventually(() => expect(flush.isHealthy).toBe(true))
    expect(rows()).toBe(0)
    await flush.attempt(() => insert.run(1))
  })

  test('takes no calls until memory is up to date, and writes nothing twice', async () => {
    const { flush, insert, rows } = await openFailing()
    let isReadable = false
    const read = () => {
      if (!isReadable) throw Object.assign(new Error('broken'), { name: 'SQLiteError', errno: 11 })
    }
    const change = flush.attempt(() => insert.run(1), read)
    const other = flush.enqueue(() => insert.run(2))
    await other
    expect([flush.isHealthy, rows()]).toEqual([false, 2])
    isReadable = true
    await change
    expect([flush.isHealthy, rows()]).toEqual([true, 2])
  })

  test('says how many writes are lost when it has to stop without the disk', async () => {
    const { flush, state, insert, rows } = await openFailing()
    state.full = true
    for (const n of [1, 2, 3]) void flush.enqueue(() => insert.run(n))
    expect(flush.stop()).toBe(3)
    expect(rows()).toBe(0)
  })

  test('commits what is queued when it stops, and takes nothing after that', async () => {
    const { flush, insert, rows } = await openFailing()
    void flush.enqueue(() => insert.run(1))
    expect(flush.stop()).toBe(0)
    expect(rows()).toBe(1)
    expect(flush.enqueue(() => insert.run(2))).rejects.toThrow('closed')
  })
})

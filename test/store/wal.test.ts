import { expect, test } from 'bun:test'
import { existsSync, readFileSync, statSync } from 'node:fs'
import type { Store } from '../../src/store/store.ts'
import { verify } from '../../src/store/verify.ts'
import { eventually } from '../support/eventually.ts'
import { openStore } from '../support/store.ts'

const MB = 1024 * 1024
const nothing = { profile: {}, limits: null, spent: null }

/** So many megabytes, each in a transaction of its own. */
async function write(store: Store, megabytes: number) {
  for (let n = 0; n < megabytes; n++) {
    const metadata = { text: String(n % 10).repeat(MB) }
    await store.updateCustomer('a', { ...nothing, profile: { metadata } })
  }
}

/** Resolves when it has, and with it all that was in it is copied. */
const begunAnew = (store: Store, path: string) =>
  eventually(async () => {
    const before = statSync(`${path}-wal`).size
    await write(store, 1)
    expect(statSync(`${path}-wal`).size).toBe(before)
  })

test('what is committed is copied back beside the commits, and a long WAL begins anew', async () => {
  const { store, path } = await openStore()
  await store.createCustomer({ ...nothing, id: 'a' })
  const sizeOf = (end: string) => statSync(`${path}${end}`).size / MB
  await write(store, 40)
  // It may have begun anew once meanwhile, which it does from 32 MB on.
  expect(sizeOf('-wal')).toBeGreaterThan(30)
  // Nobody writes now: what is copied, the thread has copied.
  await eventually(() => expect(sizeOf('')).toBeGreaterThan(1))
  await begunAnew(store, path)
  // Before it would have been SQLite itself, in a commit (`wal_autocheckpoint`).
  expect(sizeOf('-wal')).toBeLessThan(100)
  expect((await verify(path)).faults).toEqual([])
  store.close()
})

/** How many locks this process has on a file. */
function locksOn(path: string): number {
  const ofFile = new RegExp(` ${process.pid} \\S+:${statSync(path).ino} `)
  return readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .filter((line) => ofFile.test(line)).length
}

// Others could otherwise take the WAL away, as if they had the database to themselves.
test.skipIf(!existsSync('/proc/locks'))(
  'SQLite keeps its lock on a file that is copied',
  async () => {
    const { store, path } = await openStore()
    await store.createCustomer({ ...nothing, id: 'a' })
    expect(locksOn(path)).toBe(1)
    await write(store, 40)
    await begunAnew(store, path)
    expect(locksOn(path)).toBe(1)
    store.close()
  },
)

/**
 * What `durability: power` costs: `bun test/bench/durability.ts [FOLDER]`.
 *
 * How it avoids fooling itself: the store is the server's own, and each row a settled call on a
 * customer's tab, written by the flush loop; a single write is awaited before the next is queued,
 * a batch as a whole; each figure is the median of several rounds, in turn, in one run, with the
 * fastest and the slowest beside it. FOLDER is where the database goes: a tmpfs has no disk to wait
 * for, and would show nothing.
 */
import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { nanos } from '../../src/ledger/money.ts'
import type { Durability } from '../../src/store/open.ts'
import { charged, openStore } from '../support/store.ts'

const ROUNDS = 7
const CUSTOMERS = 1_000
/** Rows that are queued together, and how many such batches make a round. */
const BATCHES = [
  { rows: 1, commits: 400 },
  { rows: 10, commits: 200 },
  { rows: 100, commits: 100 },
  { rows: 1_000, commits: 20 },
]
const DURABILITIES: readonly Durability[] = ['process', 'power']
const TMPFS = 0x01021994

type Opened = Awaited<ReturnType<typeof openStore>>

async function storeWith(durability: Durability, folder: string): Promise<Opened> {
  const path = join(mkdtempSync(join(folder, 'tollgate-bench-')), 'tollgate.db')
  const opened = await openStore({ path, durability })
  const ids = Array.from({ length: CUSTOMERS }, (_, n) => `customer-${n}`)
  await opened.store.setBlocked(ids, false)
  return opened
}

/** Milliseconds for one commit. */
async function round({ store, clock }: Opened, { rows, commits }: (typeof BATCHES)[number]) {
  const customers = Array.from({ length: CUSTOMERS }, (_, n) => {
    const { tab, id } = store.findCustomer(`customer-${n}`)!.customer
    return { tab, id }
  })
  const startedAt = performance.now()
  for (let n = 0; n < commits; n++) {
    const writes = Array.from({ length: rows }, (_, row) => {
      const customer = customers[(n * 7 + row * 13) % CUSTOMERS]!
      return store.commit(charged(customer, { charge: nanos(1_000), settledAt: clock.now }), [])
    })
    await Promise.all(writes)
  }
  return (performance.now() - startedAt) / commits
}

const folder = resolve(process.argv[2] ?? tmpdir())
if (statfsSync(folder).type === TMPFS) console.log(`${folder} is a tmpfs: there is no disk here.`)
console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Bun ${Bun.version}, in ${folder}`)
console.log('rows a commit | durability | ms a commit (fastest, slowest) | rows a second')
const stores = new Map<Durability, Opened>()
for (const durability of DURABILITIES) stores.set(durability, await storeWith(durability, folder))
for (const batch of BATCHES) {
  const times: Record<Durability, number[]> = { process: [], power: [] }
  for (let n = 0; n <= ROUNDS; n++) {
    for (const durability of DURABILITIES) {
      const ms = await round(stores.get(durability)!, batch)
      // The first warms up.
      if (n > 0) times[durability].push(ms)
    }
  }
  for (const durability of DURABILITIES) {
    const sorted = times[durability].sort((a, b) => a - b)
    const median = sorted[ROUNDS >> 1]!
    const [fastest, slowest] = [sorted[0]!, sorted.at(-1)!].map((ms) => ms.toFixed(3))
    const rate = Math.round((batch.rows / median) * 1_000).toLocaleString('en')
    console.log(
      `${batch.rows} | ${durability} | ${median.toFixed(3)} (${fastest}, ${slowest}) | ${rate}`,
    )
  }
}
for (const { store, path } of stores.values()) {
  store.close()
  rmSync(join(path, '..'), { recursive: true })
}

/**
 * What admission adds to a call: `bun test/bench/admission.ts`.
 *
 * How it avoids fooling itself: the accounts and the store are the server's own, on a real file;
 * each call is admitted and settled, so nothing piles up; the customers are drawn at random, so
 * that of a million most have to be loaded from disk; each figure is the median of several rounds
 * in one run, with the fastest and the slowest beside it; and a round without the admission is
 * timed too, and taken off.
 */
import { cpus } from 'node:os'
import { Accounts } from '../../src/gateway/accounts.ts'
import type { Admission } from '../../src/gateway/admit.ts'
import { admit } from '../../src/gateway/admit.ts'
import { ENDPOINTS } from '../../src/gateway/endpoint.ts'
import { Tariffs } from '../../src/gateway/tariff.ts'
import { fromDollars, nanos } from '../../src/ledger/money.ts'
import { openDatabase } from '../../src/runtime/sqlite.ts'
import { charged, openStore, periodOf } from '../support/store.ts'
import { deployment, rules } from '../support/world.ts'

const CALLS = 50_000
const ROUNDS = 7
const json = { messages: [{ role: 'user', content: 'what time is it' }], max_tokens: 100 }
const text = JSON.stringify(json)
const call = {
  endpoint: ENDPOINTS.CHAT,
  deployment,
  json,
  text,
  bodyBytes: text.length,
  context: 0,
  model: 'm',
  key: null,
}

/** A store with so many customers, all on one tier. */
async function storeWith(customers: number) {
  const opened = await openStore()
  const { store, path } = opened
  const limits = { maxBudget: fromDollars(1_000), duration: '1mo' }
  await store.createBudget({ id: 'tier', limits, createdBy: 'bench' })
  const database = await openDatabase(path, 'readwrite')
  database.exec('BEGIN')
  const insert = database.prepare(`
    INSERT INTO customers (id, blocked, budget_id, metadata, spent, total_spent, period_start,
      created_at, updated_at, told)
    VALUES (?1, 0, 'tier', '{}', 0, 0, ?2, 0, 0, '[]')`)
  const { start } = periodOf(store.findBudget('tier'), opened.clock.now)
  for (let n = 0; n < customers; n++) insert.run(`customer-${n}`, start)
  database.exec('COMMIT')
  database.close()
  return opened
}

function gateOf({ store, clock }: Awaited<ReturnType<typeof storeWith>>): Admission {
  return {
    accounts: new Accounts({
      store,
      budgetOf: (budget) => budget,
      periodOf,
      tariffs: new Tariffs(null),
      thresholds: [0.85],
      creditLowAt: null,
    }),
    isHealthy: () => true,
    budgetExceededStatus: 429,
    topUpUrl: null,
    rules,
    tokenizerFor: () => Promise.reject(new Error('no prompt is counted far from a limit')),
    now: () => clock.now,
  }
}

/** Microseconds for each call of a round. */
async function round(calls: number, call: (n: number) => Promise<void> | void): Promise<number> {
  const start = performance.now()
  for (let n = 0; n < calls; n++) await call(n)
  return ((performance.now() - start) * 1_000) / calls
}

async function measure(customers: number) {
  const opened = await storeWith(customers)
  const gate = gateOf(opened)
  const { row } = charged(null, { charge: nanos(1_000), settledAt: opened.clock.now })
  const admitOne = async () => {
    const customerId = `customer-${Math.floor(Math.random() * customers)}`
    const { reservation } = await admit({ ...call, customerId }, gate)
    gate.accounts.settle(reservation, row, 20)
    gate.accounts.written(reservation)
  }
  const idle = async () => void `customer-${Math.floor(Math.random() * customers)}`
  const figures: number[] = []
  for (let n = 0; n <= ROUNDS; n++) {
    const took = (await round(CALLS, admitOne)) - (await round(CALLS, idle))
    if (n > 0) figures.push(took) // the first round warms up
  }
  figures.sort((a, b) => a - b)
  const [fastest, median, slowest] = [figures[0]!, figures[ROUNDS >> 1]!, figures.at(-1)!]
  const say = (figure: number) => figure.toFixed(2).padStart(7)
  console.log(
    `${customers.toLocaleString('en').padStart(9)} customers: ${say(median)} µs a call ` +
      `(${say(fastest)} to ${say(slowest)}), held at the end: ${gate.accounts.heldInAll().count}`,
  )
  opened.store.close()
}

console.log(
  `${cpus().length} cores, ${cpus()[0]?.model}, Bun ${Bun.version}; admitted and settled:`,
)
await measure(1_000)
await measure(1_000_000)

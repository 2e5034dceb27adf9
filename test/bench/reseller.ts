/**
 * A reseller's day, `bun test/bench/reseller.ts [CALLS]` (100,000 unless said): rate cards that
 * change, budgets, wallets, failures and refusals, over the server's own store and accounts. Fails
 * unless the sums of the day are those of its rows and `verify` finds no fault.
 */
import { dayOf } from '../../src/ledger/day.ts'
import { verify } from '../../src/store/verify.ts'
import { rowsOf } from '../support/books.ts'
import { resellersDay } from '../support/reseller.ts'

const calls = Number(process.argv[2] ?? 100_000)
const startedAt = performance.now()
const { store, path, refused, day } = await resellersDay(calls)
const slots = store.series.daysOfAll(dayOf(day), dayOf(day))
store.close()
const took = performance.now() - startedAt
const margin = slots.reduce((sum, { cost, charge }) => sum + charge - cost, 0)
const sql = 'SELECT count(*) AS calls, sum(charge) - sum(cost) AS margin FROM ledger'
const [ledger] = rowsOf<{ calls: number; margin: number }>(path, sql)
const { faults } = await verify(path)
console.log(
  `${calls} calls, ${refused} refused, ${ledger!.calls} in the ledger, ${(took / 1_000).toFixed(1)} s; ` +
    `margin $${margin / 1e9} by the report and $${ledger!.margin / 1e9} by the ledger; ` +
    `verify: ${faults.length} faults`,
)
for (const fault of faults) console.log(fault)
const isRight =
  margin === ledger!.margin && faults.length === 0 && ledger!.calls + refused === calls
process.exit(isRight ? 0 : 1)

import type { ServerParts } from '../../src/http/server.ts'
import { fromDollars, nanos } from '../../src/ledger/money.ts'
import { charged, newId, openStore, periodOf } from '../support/store.ts'
import { gatewayWith } from './gateway.ts'

/** Our app over a real store, with customers whose links can be asked for. */

export const DAY_MS = 86_400_000
/** Midnight, ten hours before now. */
export const TODAY = Date.UTC(2026, 10, 24)
export const NOW = TODAY + 10 * 3_600_000

/**
 * Alice has a budget of 10 dollars, and was charged: 1 a month ago, 2 yesterday, 3 and 4 today, of
 * two models. Bob was charged 100.
 */
export async function withPortal(parts: Partial<ServerParts> = {}) {
  const { store, clock } = await openStore({ now: NOW })
  const gateway = gatewayWith({
    customers: store,
    budgets: store,
    tabUsage: store.reports.tabs,
    resetsAt: (budget) => periodOf(budget, clock.now).end,
    held: (id) => nanos(id === 'alice' ? 500_000_000 : 0),
    now: () => clock.now,
    ...parts,
  })
  const { get, post } = gateway
  const limits = { max_budget: 10, budget_duration: '30d', rpm_limit: 60 }
  const more = { metadata: { secret: 'of ours' }, alias: 'Alice Ltd' }
  await post('/customer/new', { user_id: 'alice', ...limits, ...more })
  await post('/customer/new', { user_id: 'bob' })
  const charge = async (id: string, dollars: number, settledAt: number, model = 'demo') => {
    const { customer, budget } = store.findCustomer(id)!
    const periodStart = periodOf(budget, settledAt).start
    const made = charged(customer, { charge: fromDollars(dollars), settledAt, periodStart })
    const usage = { input: 5, cachedInput: 2, output: 7 }
    const row = { ...made.row, id: newId(), model, usage, cost: fromDollars(77) }
    await store.commit({ ...made, row }, [])
  }
  await charge('alice', 1, TODAY - 31 * DAY_MS)
  await charge('alice', 2, TODAY - 1)
  await charge('alice', 3, TODAY)
  await charge('alice', 4, TODAY + 5 * 3_600_000, 'other')
  await charge('bob', 100, TODAY)
  const link = async (body: object, headers?: Record<string, string>) => {
    const told = await post('/customer/portal', body, headers)
    return { ...told, token: String(told.json.url).split('#')[1] ?? '' }
  }
  const ask = (path: string, token: string) => get(path, { authorization: `Bearer ${token}` })
  return { ...gateway, store, clock, link, ask, charge }
}

import { fromDollars, ZERO } from '../../src/ledger/money.ts'
import { charged, openStore } from '../support/store.ts'
import { NOW } from './fake-store.ts'
import { deployment, gatewayWith } from './gateway.ts'

/** Our app over a real store in which there are some calls to report. */

const DAY_MS = 86_400_000
/** A midnight, and the day before it. */
export const MIDNIGHT = Date.UTC(2026, 9, 10)
const nothing = { profile: {}, limits: null, spent: null }

/** Alice has four calls of a dollar each, two on each side of midnight; Bob has one, with a key. */
export async function withCalls() {
  const { store, clock } = await openStore({ now: NOW })
  const gateway = gatewayWith({
    customers: store,
    keys: store.keys,
    reports: store.reports,
    series: store.series,
    deployments: [deployment({ id: 'demo#1', modelName: 'demo', provider: 'demo' })],
    now: () => MIDNIGHT + DAY_MS,
  })
  const [{ customer: alice }, { customer: bob }] = [
    store.findOrOpenCustomer('alice'),
    store.findOrOpenCustomer('bob'),
  ]
  const profile = { alias: 'backend', labels: { user_id: 'ours' } }
  const { key } = await store.keys.create({ hash: 'abc', name: 'sk-...c' }, { ...nothing, profile })
  const charge = fromDollars(1)
  const usage = { input: 5, cachedInput: 2, cacheWrite: 1, output: 7, reasoning: 3 }
  for (const settledAt of [MIDNIGHT - 2, MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 1]) {
    const made = charged(alice, { charge, settledAt })
    const failed = settledAt === MIDNIGHT ? { outcome: 'upstream_failed' as const } : {}
    const row = { ...made.row, usage, price: null, ...failed }
    await store.commit({ ...made, row }, [])
  }
  const made = charged(bob, { charge: fromDollars(3), settledAt: MIDNIGHT + 2 })
  const priced = { usage: {}, price: null, cost: ZERO }
  const row = { ...made.row, ...priced, model: 'other', deployment: 'gone', keyId: key.id }
  await store.commit({ ...made, row, after: null, key: null }, [])
  return { ...gateway, store, clock }
}

import type { Outbox } from './events/outbox.ts'
import type { Accounts } from './gateway/accounts.ts'
import type { InFlight } from './gateway/in-flight.ts'
import { Live } from './http/live.ts'
import { add, nothing } from './http/measures.ts'
import { type Now, nowJson } from './http/now.ts'
import { dayOf } from './ledger/day.ts'
import type { Measures } from './ledger/record.ts'
import type { Store } from './store/store.ts'

type Parts = {
  readonly store: Store
  readonly accounts: Accounts
  readonly inFlight: InFlight
  readonly outbox: Outbox
  readonly now: () => number
}

/** Events counted at most: a million would take the time of many calls. */
const EVENTS_COUNTED = 100_000

/** How things are, and who is told whenever that changes. */
export function presentOf(parts: Parts): { present(): Now; readonly live: Live } {
  const { store, accounts, inFlight, now } = parts
  const present = (): Now => {
    const at = now()
    const of = (blocked: boolean | null) => store.countCustomers({ budgetId: null, blocked })
    return {
      at,
      ...usedUntil(at, store),
      held: accounts.heldInAll().money,
      callsInFlight: inFlight.count,
      customers: of(null),
      customersBlocked: of(true),
      eventsPending: events(parts, 'pending'),
      eventsDead: events(parts, 'dead'),
    }
  }
  const look = () => {
    const { at, ...json } = nowJson(present())
    return { data: JSON.stringify({ at, ...json }), same: JSON.stringify(json) }
  }
  const version = () =>
    [store.commits, accounts.heldInAll().money, inFlight.count, dayOf(now())].join(' ')
  return { present, live: new Live({ look, version }) }
}

function usedUntil(at: number, store: Store): { today: Measures; month: Measures } {
  const today = dayOf(at)
  const date = new Date(at)
  const first = dayOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1))
  const [inMonth, onDay] = [nothing(), nothing()]
  for (const slot of store.series.daysOfAll(first, today)) {
    add(inMonth, slot)
    if (slot.bucket === today) add(onDay, slot)
  }
  return { today: onDay, month: inMonth }
}

const events = ({ store, outbox }: Parts, status: 'pending' | 'dead') =>
  outbox.receivers
    .map(({ name }) => store.deliveries.count(name, status, EVENTS_COUNTED))
    .reduce((sum, count) => sum + count, 0)

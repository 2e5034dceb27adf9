import type { Budget } from '../ledger/budget.ts'
import type { CreditChange, CreditEvent } from '../ledger/credit.ts'
import type { EventName } from '../ledger/event-name.ts'
import { dollarsText, toDollars, ZERO } from '../ledger/money.ts'
import {
  correction,
  type LedgerRow,
  type SettledSums,
  type Settlement,
  snakeCase,
} from '../ledger/settlement.ts'
import type { Crossing } from '../ledger/thresholds.ts'

/** An event as it goes into the outbox. */
export type CustomerEvent = {
  /** ULID: events of one customer are told in the order of their ids. */
  readonly id: string
  readonly customerId: string
  readonly name: EventName
  /** The JSON that receivers get. */
  readonly body: string
}

/**
 * What there is to tell of a charge: the charge itself, then what it has crossed. In the fields of
 * LiteLLM's webhook (https://docs.litellm.ai/docs/proxy/alerting#webhook-spec) and, after those,
 * ours. Nothing for a call without a customer, and nothing for one that the upstream failed.
 */
export function eventsOf(
  { row, after, key }: Settlement,
  about: {
    readonly budget: Budget | null
    readonly newId: () => string
    /** The version of a rate card. */
    readonly versionOf: (card: string) => number | null
  },
): CustomerEvent[] {
  if (after === null || row.customerId === null || row.outcome === 'upstream_failed') return []
  const told = { row, after, key, customerId: row.customerId, ...about }
  return [
    spendTracked(told),
    ...after.crossed.map((crossing) => crossed(told, crossing)),
    ...(after.credit?.crossed ?? []).map((name) => credit(told, name, toDollars(row.charge))),
  ]
}

/** What there is to tell of credit that was moved by no call. */
export const creditEventsOf = (
  { customerId, events, amount, balance, grant, at }: CreditChange,
  { newId }: { readonly newId: () => string },
): CustomerEvent[] => {
  const after = { ...NO_SUMS, credit: { balance, crossed: events } }
  const told = { row: noCall(customerId, at), after, key: null, customerId, budget: null, newId }
  return events.map((name) => {
    if (name !== 'credit_granted') return credit(told, name, 0)
    const what = `amount=${dollarsText(amount)}, balance=${dollarsText(balance)}`
    return event(told, {
      event: name,
      spend: 0,
      message: `Credit granted. Customer=${customerId}, ${what}`,
      projection: null,
      more: {
        credit_amount: toDollars(amount),
        grant_id: grant?.id ?? null,
        reason: grant?.reason ?? null,
        expires_at: grant?.expiresAt == null ? null : new Date(grant.expiresAt).toISOString(),
      },
    })
  })
}

/** In place of a row, where there was no call. */
const noCall = (customerId: string, now: number): LedgerRow =>
  correction({ customerId, tab: 0, keyId: null }, { id: '', difference: ZERO, now })

const NO_SUMS: SettledSums = {
  account: { limit: null, spent: ZERO, held: ZERO },
  totalSpent: ZERO,
  periodStart: 0,
  crossed: [],
  told: [],
}

/** What an operator sends to try a receiver: it looks like the others, and charges nobody. */
export function sampleEvent(name: EventName, about: { newId: () => string; now: number }) {
  const customerId = 'sample-customer'
  const row = { ...noCall(customerId, about.now), id: about.newId() }
  const told = { row, after: NO_SUMS, key: null, customerId, budget: null, newId: about.newId }
  const message = `A sample of ${name}, sent by an operator. Nobody was charged.`
  return event(told, { event: name, spend: 0, message, projection: null })
}

type Told = {
  readonly row: LedgerRow
  readonly after: SettledSums
  readonly key: Settlement['key']
  readonly customerId: string
  readonly budget: Budget | null
  readonly newId: () => string
  readonly versionOf?: (card: string) => number | null
}

/** `spend` is what this call was charged, as LiteLLM's own example shows. */
function spendTracked(told: Told): CustomerEvent {
  const { charge, card } = told.row
  return event(told, {
    event: 'spend_tracked',
    spend: toDollars(charge),
    message: `Customer spend tracked. Customer=${told.customerId}, spend=${dollarsText(charge)}`,
    projection: null,
    more: {
      cost: toDollars(told.row.cost),
      charge: toDollars(charge),
      rate_card_version: card === null ? null : (told.versionOf?.(card) ?? null),
    },
  })
}

/** `spend` is that of the period, which is what has crossed something. */
const crossed = (told: Told, crossing: Crossing): CustomerEvent =>
  event(told, {
    event: crossing.event,
    spend: toDollars(told.after.account.spent),
    message: sentence(told, crossing),
    projection: crossing.projection,
  })

/** `spend` is what the call was charged that brought the balance there. */
function credit(told: Told, name: CreditEvent, spend: number): CustomerEvent {
  const { customerId, after } = told
  const balance = dollarsText(after.credit?.balance ?? ZERO)
  const what = name === 'credit_low' ? 'Credit is low' : 'Credit is exhausted'
  const message = `${what}. Customer=${customerId}, balance=${balance}`
  return event(told, { event: name, spend, message, projection: null })
}

function sentence({ customerId, after, budget }: Told, { event, share }: Crossing): string {
  const { limit, spent } = after.account
  const spend = `Customer=${customerId}, spend=${dollarsText(spent)}`
  const max = limit === null ? '' : `, max_budget=${dollarsText(limit)}`
  switch (event) {
    case 'soft_budget_crossed': {
      const soft = budget?.softBudget ?? null
      return `Soft budget crossed. ${spend}, soft_budget=${soft === null ? '' : dollarsText(soft)}`
    }
    case 'threshold_crossed':
      return `${Math.round((share ?? 0) * 100_00) / 100} % of the budget crossed. ${spend}${max}`
    case 'budget_crossed':
      return `Budget crossed. ${spend}${max}`
    case 'projected_limit_exceeded':
      return `The budget will be crossed at the present rate. ${spend}${max}`
    case 'margin_negative':
      return `Customer costs more today than it is charged. ${spend}`
  }
}

function event(
  { row, after, key, customerId, budget, newId }: Told,
  what: {
    readonly event: EventName
    readonly spend: number
    readonly message: string
    readonly projection: Crossing['projection']
    readonly more?: Readonly<Record<string, unknown>>
  },
): CustomerEvent {
  const id = newId()
  const body = {
    spend: what.spend,
    max_budget: dollarsOrNull(budget?.maxBudget),
    soft_budget: dollarsOrNull(budget?.softBudget),
    token: key?.hash ?? null,
    customer_id: customerId,
    user_id: null,
    team_id: null,
    team_alias: null,
    organization_id: null,
    user_email: null,
    key_alias: key?.alias ?? null,
    projected_exceeded_date:
      what.projection === null ? null : new Date(what.projection.exceededAt).toISOString(),
    projected_spend: dollarsOrNull(what.projection?.spent),
    event: what.event,
    event_group: 'customer',
    event_message: what.message,
    id,
    created_at: new Date(row.settledAt).toISOString(),
    call_id: row.id === '' ? null : row.id,
    model: row.model,
    total_spend: toDollars(after.account.spent),
    usage: Object.fromEntries(
      Object.entries(row.usage).map(([kind, tokens]) => [snakeCase(kind), tokens]),
    ),
    ...(after.credit === undefined ? {} : { credit_balance: toDollars(after.credit.balance) }),
    ...what.more,
  }
  return { id, customerId, name: what.event, body: JSON.stringify(body) }
}

const dollarsOrNull = (amount: Budget['maxBudget'] | undefined): number | null =>
  amount === null || amount === undefined ? null : toDollars(amount)

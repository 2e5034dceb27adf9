import type { Budget } from '../ledger/budget.ts'
import { toDollars } from '../ledger/money.ts'
import type { Settlement } from '../ledger/settlement.ts'

/** An event as it goes into the outbox. */
export type CustomerEvent = {
  readonly id: string
  readonly customerId: string
  /** The JSON that receivers get. */
  readonly body: string
}

/**
 * What LiteLLM's webhook tells of a charge, field for field, and after that what is ours. `spend`
 * is what this call was charged, as LiteLLM's own example shows; `total_spend` the period so far.
 * https://docs.litellm.ai/docs/proxy/alerting#webhook-spec
 */
export function spendTracked(
  settlement: Settlement,
  about: { readonly id: string; readonly budget: Budget | null },
): CustomerEvent | null {
  const { row, after } = settlement
  if (row.customerId === null || after === null) return null
  const { budget } = about
  const spend = toDollars(row.charge)
  const body = {
    spend,
    max_budget: dollarsOrNull(budget?.maxBudget),
    soft_budget: dollarsOrNull(budget?.softBudget),
    token: null,
    customer_id: row.customerId,
    user_id: null,
    team_id: null,
    team_alias: null,
    organization_id: null,
    user_email: null,
    key_alias: null,
    projected_exceeded_date: null,
    projected_spend: null,
    event: 'spend_tracked',
    event_group: 'customer',
    event_message: `Customer spend tracked. Customer=${row.customerId}, spend=${spend}`,
    id: about.id,
    created_at: new Date(row.settledAt).toISOString(),
    call_id: row.id,
    model: row.model,
    total_spend: toDollars(after.account.spent),
    usage: row.usage,
  }
  return { id: about.id, customerId: row.customerId, body: JSON.stringify(body) }
}

const dollarsOrNull = (amount: Budget['maxBudget'] | undefined): number | null =>
  amount === null || amount === undefined ? null : toDollars(amount)

import type { Limits } from '../limits.ts'
import type { RateCard } from '../rate-card.ts'

/** `GET /customer/info`, and each of `GET /customer/list`. */
export type Customer = {
  readonly user_id: string
  readonly alias: string | null
  readonly blocked: boolean
  readonly spend: number
  readonly total_spend: number
  /** What it paid in advance; null: it has no wallet. */
  readonly credit: { readonly balance: number; readonly held: number } | null
  /** Its own; null: that of its budget or the server. */
  readonly rate_card: RateCard | null
  readonly held: number
  readonly allowed_model_region: string | null
  readonly default_model: string | null
  readonly budget_id: string | null
  readonly litellm_budget_table: Budget | null
  readonly metadata: Readonly<Record<string, unknown>>
  readonly budget_reset_at: string | null
  readonly created_at: string
  readonly updated_at: string
}

/** `GET /budget/list`, as far as pages show it. */
export type Budget = Limits & {
  readonly budget_id: string
  readonly budget_reset_at: string | null
  readonly created_at: string
  readonly updated_at: string
  /** Of whoever is on it; null: the server's. */
  readonly rate_card: RateCard | null
  /** What of a call counts on it; null: the charge. */
  readonly count: 'charge' | 'cost' | null
  /** Customers on it. */
  readonly customers?: number
}

export const budgetAddress = (id: string) => `/ui/budgets/${encodeURIComponent(id)}`

/** What the parts of a customer's page are given: they are loaded anew when it has spent more. */
export type OfCustomer = {
  readonly id: string
  /** In all; null: it is not known. */
  readonly spent: number | null
}

export const customerAddress = (id: string) => `/ui/customers/${encodeURIComponent(id)}`

/** A customer by its id, and by its alias where it has one. */
export const CustomerLink = ({
  id,
  alias,
}: {
  readonly id: string
  readonly alias: string | null
}) => (
  <a class="customer" href={customerAddress(id)}>
    {alias ?? id}
    {alias !== null && <small>{id}</small>}
  </a>
)

/** What binds a customer, by the names of the tiers: one of them, limits of its own, or nothing. */
export function TierName({
  of: { budget_id: id, litellm_budget_table: budget },
  tiers,
}: {
  readonly of: Customer
  readonly tiers: ReadonlySet<string>
}) {
  if (id !== null && tiers.has(id)) return <a href={budgetAddress(id)}>{id}</a>
  if (id !== null) return <>its own</>
  return <span class="muted">{budget === null ? 'none' : 'the default'}</span>
}

/** `GET /customer/info`, and each of `GET /customer/list`. */
export type Customer = {
  readonly user_id: string
  readonly alias: string | null
  readonly blocked: boolean
  readonly spend: number
  readonly total_spend: number
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
export type Budget = {
  readonly budget_id: string
  readonly max_budget: number | null
  readonly soft_budget: number | null
  readonly max_parallel_requests: number | null
  readonly tpm_limit: number | null
  readonly rpm_limit: number | null
  readonly model_max_budget: Readonly<Record<string, unknown>> | null
  readonly budget_duration: string | null
  readonly budget_reset_at: string | null
  /** Customers on it. */
  readonly customers?: number
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

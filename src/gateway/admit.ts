import { Refusal } from '../errors.ts'
import { dollarsText, type Nanos, ZERO } from '../ledger/money.ts'
import type { Accounts, LiveCustomer, Reservation } from './accounts.ts'
import type { Deployment } from './deployments.ts'

/** What admission asks and is told. */
export type Admission = {
  readonly accounts: Accounts
  /** False while charges cannot be written: then no call is admitted. */
  readonly isHealthy: () => boolean
  readonly budgetExceededStatus: number
}

/**
 * The checks before a call is sent, and its place on the customer's account. Null: the call names
 * no customer. Throws the refusal of the first check that says no; then nothing is held.
 */
export function admit(
  call: {
    readonly customerId: string | null
    readonly deployment: Deployment
    readonly now: number
  },
  gate: Admission,
): Reservation | null {
  if (!gate.isHealthy()) {
    throw new Refusal('overloaded', 'Charges cannot be written at the moment; try again shortly.', {
      headers: { 'retry-after': '5' },
    })
  }
  if (call.customerId === null) return null
  const live = gate.accounts.of(call.customerId, call.now)
  refuseBlocked(live)
  refuseUnpriced(live, call.deployment)
  const reservation = gate.accounts.reserve(live, ZERO)
  if (reservation === null) throw overBudget(live, gate.budgetExceededStatus)
  return reservation
}

function refuseBlocked({ customer }: LiveCustomer) {
  if (!customer.blocked) return
  const message = `User not allowed to access. End User=${customer.id} is blocked.`
  throw new Refusal('customer_blocked', message, { param: 'user' })
}

/** Without a price a call could not be counted against a budget: it is never free. */
function refuseUnpriced({ customer, account }: LiveCustomer, deployment: Deployment) {
  if (deployment.price !== null || account.limit === null) return
  throw new Refusal(
    'model_not_priced',
    `Model \`${deployment.modelName}\` has no price, and End User=${customer.id} has a budget. ` +
      'Add `input_cost_per_token` and `output_cost_per_token` under its `litellm_params` in the config.',
    { param: 'model' },
  )
}

/** LiteLLM's sentence, which scripts match on, and after it what helps to go on. */
function overBudget({ customer, account, period }: LiveCustomer, status: number): Refusal {
  const { spent, held, limit } = account
  const resets =
    period.end === null
      ? 'the budget does not reset by itself'
      : `the budget resets at ${new Date(period.end).toISOString()}`
  return new Refusal(
    'budget_exceeded',
    `ExceededBudget: End User=${customer.id} over budget. ` +
      `Spend=${dollarsText(spent)}, Budget=${dollarsText(limit as Nanos)}. ` +
      `Held for calls in flight: ${dollarsText(held)}; ${resets}.`,
    // The official clients repeat a 429 by themselves, which cannot help here.
    { status, headers: { 'x-should-retry': 'false' } },
  )
}

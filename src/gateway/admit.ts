import type { BudgetRules } from '../config/config.ts'
import { Refusal } from '../errors.ts'
import type { Encode } from '../metering/tokens.ts'
import type { Demand } from '../metering/worst-case.ts'
import type { Accounts, LiveCustomer, Reservation } from './accounts.ts'
import { demandOf } from './demand.ts'
import type { Deployment } from './deployments.ts'
import type { Prompt } from './prompt.ts'
import { overBudget, overRate } from './refusals.ts'
import { type Reserved, reserve, tighten, uncounted } from './reserve.ts'

/** What admission asks and is told. */
export type Admission = {
  readonly accounts: Accounts
  /** False while charges cannot be written: then no call is admitted. */
  readonly isHealthy: () => boolean
  readonly budgetExceededStatus: number
  readonly rules: BudgetRules
  readonly tokenizerFor: (model: string) => Promise<Encode>
  readonly now: () => number
}

/** A call that asks to be sent. */
export type Applicant = {
  readonly customerId: string | null
  readonly deployment: Deployment
  readonly json: Readonly<Record<string, unknown>>
  readonly bodyBytes: number
}

export type Admitted = {
  /** Null: the call names no customer. */
  readonly reservation: Reservation | null
  /** To be sent upstream as the most tokens of each choice; null: as the client has it. */
  readonly cap: number | null
}

/**
 * The checks before a call is sent, and its place on the customer's accounts. Throws the refusal
 * of the first check that says no; then nothing is held.
 */
export async function admit(call: Applicant, gate: Admission): Promise<Admitted> {
  requireHealth(gate)
  if (call.customerId === null) {
    if (gate.rules.requireCustomer) throw noCustomer()
    return { reservation: null, cap: null }
  }
  const { demand, prompt } = demandOf(call, call.deployment)
  const model = call.deployment.modelName

  const attempt = (exact: Demand | null): { live: LiveCustomer; reserved: Reserved } => {
    const now = gate.now()
    const live = customerOf(call.customerId!, gate, now)
    refuseBlocked(live)
    refuseModel(live, model)
    refuseUnpriced(live, call.deployment, gate.rules)
    if (exact !== null) tighten(gate.accounts, live)
    const reserved = reserve(
      gate.accounts,
      {
        live,
        on: gate.accounts.accountsFor(live, model, now),
        model,
        demand: exact ?? demand,
        prompt: exact === null ? prompt : null,
        mode: live.budget?.mode ?? gate.rules.mode,
        now,
      },
      {
        share: gate.rules.reserveShare,
        outputTokensMin: gate.rules.outputTokensMin,
        outputTokensMaxDefault: gate.rules.outputTokensMaxDefault,
      },
    )
    return { live, reserved }
  }

  let { live, reserved } = attempt(null)
  if (reserved.kind !== 'held') {
    // The bound on the prompt was cheap. Before somebody is refused or capped, it is counted.
    const encode = await gate.tokenizerFor(call.deployment.upstreamModel)
    await countAll(live, prompt, encode)
    requireHealth(gate)
    ;({ live, reserved } = attempt(prompt.demand))
  }
  if (reserved.kind === 'held') return reserved
  if (reserved.kind === 'by minute') throw overRate(live, reserved.refusal)
  throw overBudget(live, reserved, { status: gate.budgetExceededStatus, now: gate.now() })
}

/** How often it is looked for calls that came while the others' prompts were counted. */
const ROUNDS_MAX = 8

/** Counts the prompt of a call, and of the customer's calls in flight that were held by a bound. */
async function countAll(live: LiveCustomer, own: Prompt, encode: Encode) {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const left = [own, ...uncounted(live)].filter(({ demand }) => demand === null)
    if (left.length === 0) return
    for (const prompt of left) await prompt.count(encode)
  }
}

function requireHealth({ isHealthy }: Admission) {
  if (isHealthy()) return
  throw new Refusal('overloaded', 'Charges cannot be written at the moment; try again shortly.', {
    headers: { 'retry-after': '5' },
  })
}

function customerOf(id: string, { accounts, rules }: Admission, now: number): LiveCustomer {
  if (!rules.knownCustomersOnly) return accounts.findOrOpen(id, now)
  const known = accounts.find(id, now)
  if (known !== null) return known
  throw new Refusal(
    'unknown_customer',
    `End User=${id} is not known here. Create it with /customer/new before its first call.`,
    { param: 'user' },
  )
}

const noCustomer = () =>
  new Refusal(
    'invalid_request',
    'The call names no customer. Send its id as `user`, or in the header `x-litellm-customer-id`.',
    { param: 'user' },
  )

function refuseBlocked({ customer }: LiveCustomer) {
  if (!customer.blocked) return
  const message = `User not allowed to access. End User=${customer.id} is blocked.`
  throw new Refusal('customer_blocked', message, { param: 'user' })
}

function refuseModel({ customer, budget }: LiveCustomer, model: string) {
  const allowed = budget?.models ?? null
  if (allowed === null || allowed.includes(model)) return
  const list = allowed.length === 0 ? 'none' : allowed.map((name) => `\`${name}\``).join(', ')
  throw new Refusal(
    'model_not_allowed',
    `End User=${customer.id} may not call \`${model}\`. Allowed: ${list}.`,
    { param: 'model' },
  )
}

/** Without a price a call could not be counted against a budget: it is never free. */
function refuseUnpriced(
  { customer, budget }: LiveCustomer,
  { price, modelName }: Deployment,
  { allowUnpriced }: BudgetRules,
) {
  if (price !== null || allowUnpriced) return
  const own = budget?.modelMaxBudget?.[modelName]
  if ((budget?.maxBudget ?? null) === null && (own?.maxBudget ?? null) === null) return
  throw new Refusal(
    'model_not_priced',
    `Model \`${modelName}\` has no price, and End User=${customer.id} has a budget. ` +
      'Add `input_cost_per_token` and `output_cost_per_token` under its `litellm_params` in the ' +
      'config.',
    { param: 'model' },
  )
}

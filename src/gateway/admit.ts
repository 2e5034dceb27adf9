import type { BudgetRules } from '../config/config.ts'
import { Refusal } from '../errors.ts'
import type { VirtualKey } from '../ledger/key.ts'
import { billedBesides } from '../metering/besides-tokens.ts'
import type { Encode } from '../metering/tokens.ts'
import type { Demand, SizeRules } from '../metering/worst-case.ts'
import type { Accounts } from './accounts.ts'
import type { Free } from './allowance.ts'
import { type Demanding, demandOf } from './demand.ts'
import type { Deployment } from './deployments.ts'
import { requireModel, requireUsable, unknownKey } from './key-access.ts'
import {
  isWallet,
  type LiveCustomer,
  type LiveKey,
  type LiveOwner,
  nameOf,
  type Owners,
  ownersOf,
  type Reservation,
} from './live-owner.ts'
import type { Prompt } from './prompt.ts'
import { creditExhausted, isHeldUp, overBudget, overRate } from './refusals.ts'
import { type Reserved, reserve, tighten, uncounted } from './reserve.ts'
import type { Tariff } from './tariff.ts'

/** What admission asks and is told. */
export type Admission = {
  readonly accounts: Accounts
  /** False while charges cannot be written: then no call is admitted. */
  readonly isHealthy: () => boolean
  readonly budgetExceededStatus: number
  /** Where credit is bought, with `{customer_id}` in it; null: nobody has said. */
  readonly topUpUrl: string | null
  readonly rules: BudgetRules
  readonly tokenizerFor: (model: string) => Promise<Encode>
  readonly now: () => number
}

/** A call that asks to be sent. */
export type Applicant = Demanding & {
  readonly customerId: string | null
  /** Null: it came with the master key. */
  readonly key: VirtualKey | null
  /** As the client asked for it: whose own limits count, whoever answers. */
  readonly model: string
  readonly deployment: Deployment
}

export type Admitted = {
  /** Null: the call names no customer, and came with the master key. */
  readonly reservation: Reservation | null
  /** To be sent upstream as the most tokens of each choice; null: as the client has it. */
  readonly cap: number | null
}

/**
 * The checks before a call is sent, and its place on the accounts of its customer and its key.
 * Throws the refusal of the first check that says no; then nothing is held.
 */
export async function admit(call: Applicant, gate: Admission): Promise<Admitted> {
  requireHealth(gate)
  if (call.customerId === null && gate.rules.requireCustomer) throw noCustomer()
  if (call.customerId === null && call.key === null) return { reservation: null, cap: null }
  const tariff = gate.accounts.tariffFor(call.customerId, gate.now())
  const { demand, prompt } = demandOf(call, call.deployment, tariff)
  const { model } = call

  const attempt = (exact: Demand | null): { owners: LiveOwner[]; reserved: Reserved } => {
    const now = gate.now()
    const named = ownersFor(call, gate, now)
    const owners = ownersOf(named)
    for (const owner of owners) {
      refuseUnpriced(owner, call, gate.rules)
      refuseUnbounded(owner, call)
      if (exact !== null) tighten(gate.accounts, owner)
    }
    const reserved = reserve(
      gate.accounts,
      {
        ...named,
        places: gate.accounts.placesOf(named, { model, mode: gate.rules.mode, now }),
        model,
        demand: exact ?? demand,
        prompt: exact === null ? prompt : null,
        tariff,
        free: freeToHold(gate.accounts.freeOf(named.customer, tariff, now), tariff),
        now,
      },
      sizeRules(gate.rules),
    )
    return { owners, reserved }
  }

  let { owners, reserved } = attempt(null)
  if (reserved.kind !== 'held') {
    // The bound on the prompt was cheap. Before somebody is refused or capped, it is counted.
    const encode = await gate.tokenizerFor(call.deployment.pricedAs.model)
    await countAll(owners, prompt, encode)
    requireHealth(gate)
    reserved = attempt(prompt.demand).reserved
  }
  if (reserved.kind === 'held') return reserved
  if (reserved.kind === 'by minute') throw overRate(reserved.at, reserved.refusal)
  if (isWallet(reserved.at)) {
    if (!isHeldUp(reserved)) gate.accounts.wallets.exhausted(reserved.at.owner)
    throw creditExhausted(reserved, gate)
  }
  throw overBudget(reserved, { status: gate.budgetExceededStatus, now: gate.now() })
}

/**
 * The checks of a call that costs nothing and is not held for. Throws the refusal of the first that
 * says no: a budget that is used up, or a limit by the minute, is none of them.
 */
export function requireAllowed(
  call: Pick<Applicant, 'customerId' | 'key' | 'deployment'>,
  gate: Admission,
) {
  if (call.customerId === null && gate.rules.requireCustomer) throw noCustomer()
  if (call.customerId !== null || call.key !== null) ownersFor(call, gate, gate.now())
}

/**
 * What is free is off the charge, and not off the cost: where the cost counts, a call is held for
 * whole.
 */
const freeToHold = (free: Free | null, tariff: Tariff | null): Free | null =>
  tariff?.counts === 'cost' ? null : free

/** How much is held for a call, as the config has it. */
export const sizeRules = (rules: BudgetRules): SizeRules => ({
  share: rules.reserveShare,
  outputTokensMin: rules.outputTokensMin,
  outputTokensMaxDefault: rules.outputTokensMaxDefault,
})

/** Whom the call is held on, once each has been asked whether it may be made at all. */
function ownersFor(
  call: Pick<Applicant, 'customerId' | 'key' | 'deployment'>,
  gate: Admission,
  now: number,
): Owners {
  const model = call.deployment.modelName
  const key = call.key === null ? null : keyOf(call.key, gate, now)
  if (key !== null) requireModel(key, model)
  if (call.customerId === null) return { customer: null, key }
  const customer = customerOf(call.customerId, gate, now)
  refuseBlocked(customer)
  refuseModel(customer, model)
  return { customer, key }
}

/** The key as it is now: much can have happened to it while the body of the call came in. */
function keyOf({ hash }: VirtualKey, { accounts }: Admission, now: number): LiveKey {
  const key = accounts.findKey(hash, now)
  if (key === null) throw unknownKey()
  requireUsable(key.self, now)
  return key
}

/** How often it is looked for calls that came while the others' prompts were counted. */
const ROUNDS_MAX = 8

/** Counts the prompt of a call, and of its owners' calls in flight that were held by a bound. */
async function countAll(owners: readonly LiveOwner[], own: Prompt, encode: Encode) {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const left = [own, ...owners.flatMap(uncounted)].filter(({ demand }) => demand === null)
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

function refuseBlocked({ self: customer }: LiveCustomer) {
  if (!customer.blocked) return
  const message = `User not allowed to access. End User=${customer.id} is blocked.`
  throw new Refusal('customer_blocked', message, { param: 'user' })
}

function refuseModel({ self: customer, budget }: LiveCustomer, model: string) {
  const allowed = budget?.models ?? null
  if (allowed === null || allowed.includes(model)) return
  const list = allowed.length === 0 ? 'none' : allowed.map((name) => `\`${name}\``).join(', ')
  throw new Refusal(
    'model_not_allowed',
    `End User=${customer.id} may not call \`${model}\`. Allowed: ${list}.`,
    { param: 'model' },
  )
}

/** Whether it has a budget of money, or a wallet. */
const hasMoneyLimit = ({ budget, wallet }: LiveOwner): boolean =>
  (budget?.maxBudget ?? null) !== null || wallet !== null

/** Without a price a call could not be counted against a budget: it is never free. */
function refuseUnpriced(
  owner: LiveOwner,
  { deployment, json, endpoint }: Applicant,
  { allowUnpriced }: BudgetRules,
) {
  const { price, services, modelName } = deployment
  // What is answered first costs up to twice as much, so the usual price would be too low.
  const isFirst = json['service_tier'] === 'priority'
  const isPriced = price !== null && (!isFirst || services.priority !== undefined)
  const besides = billedBesides(json, deployment.provider)
  if ((isPriced && besides === null) || allowUnpriced) return
  const { budget } = owner
  const own = budget?.modelMaxBudget?.[modelName]
  if (!hasMoneyLimit(owner) && (own?.maxBudget ?? null) === null) return
  if (isPriced) throw unpricedMember(owner, besides!)
  const end = price === null ? '' : '_priority'
  const ofMedia = endpoint.media === undefined ? '' : ` for ${endpoint.path}`
  const forWhat = end === '' ? ofMedia : ' for priority'
  const keys =
    endpoint.media?.priceKeys ??
    `\`input_cost_per_token${end}\` and \`output_cost_per_token${end}\``
  throw new Refusal(
    'model_not_priced',
    `Model \`${modelName}\` has no price${forWhat}, and ` +
      `${nameOf(owner)} has a budget. Add ${keys} under its \`litellm_params\` in the config.`,
    { param: end === '' ? 'model' : 'service_tier' },
  )
}

const unpricedMember = (owner: LiveOwner, member: string): Refusal =>
  new Refusal(
    'model_not_priced',
    `\`${member}\` makes the upstream bill for what has no price here or cannot be known before ` +
      `the call, and ${nameOf(owner)} has a budget. Leave it out.`,
    { param: member },
  )

/** What an upstream adds to a prompt by itself cannot be held for: nobody here knows how much. */
function refuseUnbounded(owner: LiveOwner, { endpoint, json }: Applicant) {
  if (!hasMoneyLimit(owner)) return
  const isGiven = (name: string) => (json[name] ?? null) !== null
  const besides = endpoint.billsBesides?.find(isGiven)
  if (besides !== undefined) {
    const message = `\`${besides}\` is billed by another model, and there is a budget to keep.`
    throw new Refusal('invalid_request', message, { param: besides })
  }
  const param = endpoint.keepsAnswers ? ['conversation', 'prompt'].find(isGiven) : undefined
  if (param === undefined) return
  throw new Refusal(
    'invalid_request',
    `\`${param}\` adds to the call what only the upstream knows, and there is a budget to keep. ` +
      'Send it in `input`, or go on from a response with `previous_response_id`.',
    { param },
  )
}

import type { RefusalCode } from '../errors.ts'
import type { Observation, Try, Watcher } from '../gateway/observation.ts'
import { dollarsText, type Nanos, nanos } from '../ledger/money.ts'
import { type LedgerRow, snakeCase } from '../ledger/settlement.ts'
import { inputTokens, KINDS, type Kind, NO_USAGE, outputTokens } from '../metering/usage.ts'
import { type Family, numberText, type Sample } from './exposition.ts'
import { Histogram } from './histogram.ts'

/** Seconds: from a cache's answer to a model that thinks for minutes. */
const SECONDS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600]

/** Customers that have numbers of their own, where the config asks for them. */
const CUSTOMERS_MAX = 1_000

/** All others together, and a customer of this id. */
const OTHER = 'other'

/** Not counted in tokens. */
const OTHER_UNITS: Readonly<Partial<Record<Kind, string>>> = {
  images: 'images',
  audioMs: 'audio_milliseconds',
  characters: 'characters',
}

/** By two labels, which are not joined to one key: to build that costs each call 1 µs. */
type ByTwo = Map<string, Map<string, number>>

/** Sums of settled calls. */
class Charged {
  /** By outcome and where their usage is from. */
  readonly calls: ByTwo = new Map()
  readonly usage: Record<Kind, number> = { ...NO_USAGE }
  cost = 0
  charge = 0

  add({ outcome, usageSource, usage, cost, charge }: LedgerRow) {
    countByTwo(this.calls, outcome, usageSource)
    for (const kind of KINDS) this.usage[kind] += usage[kind] ?? 0
    this.cost += cost
    this.charge += charge
  }
}

/** What is counted of one model. */
class OfModel {
  readonly charged = new Charged()
  /** By status. */
  readonly answers = new Map<number, number>()
  readonly refusals = new Map<string, number>()
  readonly duration = { true: new Histogram(SECONDS), false: new Histogram(SECONDS) }
  readonly firstByte = { true: new Histogram(SECONDS), false: new Histogram(SECONDS) }
}

/**
 * Counts calls since the start. Models are those of the config and one more, without a name, for
 * calls that were refused before theirs was known: what clients write makes no label.
 */
export class CallMetrics implements Watcher {
  readonly #isServed: (model: string) => boolean
  readonly #models = new Map<string, OfModel>()
  /** By deployment and result. */
  readonly #attempts: ByTwo = new Map()
  /** Null: no customer is told apart. */
  readonly #customers: Map<string, Charged> | null

  constructor(about: {
    /** Whether the config has a model. */
    readonly isServed: (model: string) => boolean
    readonly byCustomer: boolean
  }) {
    this.#isServed = about.isServed
    this.#customers = about.byCustomer ? new Map() : null
  }

  /** To be called for each row of a call that was written, so that the sums are the ledger's. */
  readonly booked = (row: LedgerRow) => {
    this.#model(this.#isServed(row.model) ? row.model : null).charged.add(row)
    if (this.#customers === null || row.customerId === null) return
    const known = this.#customers.get(row.customerId)
    const isFull = known === undefined && this.#customers.size >= CUSTOMERS_MAX
    const id = isFull ? OTHER : row.customerId
    const charged = known ?? this.#customers.get(id) ?? new Charged()
    charged.add(row)
    this.#customers.set(id, charged)
  }

  readonly over = (seen: Observation) => {
    const { subject, status, refusal, row } = seen
    const model = this.#model(subject?.model ?? null)
    count(model.answers, status!)
    if (refusal !== null) count(model.refusals, refusal satisfies RefusalCode | 'internal')
    for (const tried of seen.tries) {
      countByTwo(this.#attempts, tried.deployment.id, resultOf(tried, seen))
    }
    if (row === null || subject === null) return
    const key = subject.isStream ? 'true' : 'false'
    model.duration[key].observe((seen.endedAt! - seen.beganAt) / 1000)
    if (seen.firstByteAt === null) return
    model.firstByte[key].observe((seen.firstByteAt - seen.beganAt) / 1000)
  }

  families(): Family[] {
    const models = [...this.#models]
    const each = (samples: (of: OfModel, model: string) => readonly Sample[]): Sample[] =>
      models.flatMap(([model, of]) => samples(of, model))
    const charged = (samples: (of: Charged, labels: { model: string }) => readonly Sample[]) =>
      each(({ charged }, model) => (charged.calls.size === 0 ? [] : samples(charged, { model })))
    return [
      counter('calls_total', 'Calls that were settled, by how they ended.', charged(callSamples)),
      counter(
        'answers_total',
        'Calls by the HTTP status of their answer, also those that were refused.',
        each((of, model) => counted(of.answers, (status) => ({ model, status: String(status) }))),
      ),
      counter(
        'refusals_total',
        'Calls that were refused or failed before their answer began, by reason.',
        each((of, model) => counted(of.refusals, (reason) => ({ model, reason }))),
      ),
      counter('tokens_total', 'Tokens charged, by kind; the kinds are disjoint.', [
        ...charged(({ usage }, labels) => usageSamples(usage, labels, false)),
      ]),
      counter('units_total', 'What else than tokens was charged: images, sound, text.', [
        ...charged(({ usage }, labels) => usageSamples(usage, labels, true)),
      ]),
      counter(
        'cost_dollars_total',
        'Dollars that upstreams charge us.',
        charged(({ cost }, labels) => [{ labels, value: dollars(cost) }]),
      ),
      counter(
        'charge_dollars_total',
        'Dollars on the tabs of customers.',
        charged(({ charge }, labels) => [{ labels, value: dollars(charge) }]),
      ),
      histogram(
        'call_duration_seconds',
        'From a call to the end of its answer.',
        each(({ duration }, model) => timeSamples(duration, model)),
      ),
      histogram(
        'time_to_first_byte_seconds',
        'From a call to the first byte of its upstream: of a stream the first piece.',
        each(({ firstByte }, model) => timeSamples(firstByte, model)),
      ),
      counter(
        'attempts_total',
        'Calls sent to a deployment, by what came of it: a failed one may have gone to another.',
        countedByTwo(this.#attempts, (deployment, result) => ({ deployment, result })),
      ),
      ...this.#customerFamilies(),
    ]
  }

  #customerFamilies(): Family[] {
    const each = (samples: (of: Charged, labels: { customer: string }) => readonly Sample[]) =>
      [...(this.#customers ?? [])].flatMap(([customer, of]) => samples(of, { customer }))
    return [
      counter('customer_calls_total', 'Settled calls by customer.', each(callSamples)),
      counter(
        'customer_tokens_total',
        'Tokens by customer and direction.',
        each(({ usage }, { customer }) => [
          { labels: { customer, direction: 'input' }, value: inputTokens(usage) },
          { labels: { customer, direction: 'output' }, value: outputTokens(usage) },
        ]),
      ),
      counter(
        'customer_charge_dollars_total',
        'Dollars on the tab of a customer.',
        each(({ charge }, labels) => [{ labels, value: dollars(charge) }]),
      ),
    ]
  }

  #model(name: string | null): OfModel {
    const key = name ?? ''
    const known = this.#models.get(key)
    if (known !== undefined) return known
    const made = new OfModel()
    this.#models.set(key, made)
    return made
  }
}

/** What came of a call at one deployment. */
function resultOf({ failedAt }: Try, { firstByteAt, row }: Observation): string {
  if (failedAt !== null) return 'failed'
  if (firstByteAt !== null) return 'answered'
  return row?.outcome === 'client_closed' ? 'left' : 'failed'
}

const count = <Key>(counts: Map<Key, number>, key: Key) =>
  void counts.set(key, (counts.get(key) ?? 0) + 1)

const counted = <Key>(counts: Map<Key, number>, labelsOf: (key: Key) => Sample['labels']) =>
  [...counts].map(([key, value]) => ({ labels: labelsOf(key), value }))

function countByTwo(counts: ByTwo, first: string, second: string) {
  let of = counts.get(first)
  if (of === undefined) {
    of = new Map()
    counts.set(first, of)
  }
  count(of, second)
}

const countedByTwo = (
  counts: ByTwo,
  labelsOf: (first: string, second: string) => Sample['labels'],
): Sample[] => [...counts].flatMap(([first, of]) => counted(of, (key) => labelsOf(first, key)))

const callSamples = ({ calls }: Charged, labels: Sample['labels']): Sample[] =>
  countedByTwo(calls, (outcome, usage_source) => ({ ...labels, outcome, usage_source }))

function usageSamples(
  usage: Charged['usage'],
  labels: Sample['labels'],
  isOther: boolean,
): Sample[] {
  return KINDS.filter((kind) => usage[kind] > 0 && kind in OTHER_UNITS === isOther).map((kind) => {
    const name = OTHER_UNITS[kind]
    const own = name === undefined ? { kind: snakeCase(kind) } : { unit: name }
    return { labels: { ...labels, ...own }, value: usage[kind] }
  })
}

const timeSamples = (by: OfModel['duration'], model: string): Sample[] => [
  ...by.false.samples({ model, stream: 'false' }),
  ...by.true.samples({ model, stream: 'true' }),
]

/** To the nano-dollar, as far as a double counts them. */
const dollars = (sum: number): string =>
  Number.isSafeInteger(sum) ? dollarsText(nanos(sum) satisfies Nanos) : numberText(sum / 1e9)

const counter = (name: string, help: string, samples: readonly Sample[]): Family => ({
  name: `tollgate_${name}`,
  help,
  type: 'counter',
  samples,
})

const histogram = (name: string, help: string, samples: readonly Sample[]): Family => ({
  ...counter(name, help, samples),
  type: 'histogram',
})

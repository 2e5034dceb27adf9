import { listenRaw, type RawRequest, type RawServer, type Reply } from './raw-http.ts'

/**
 * Billing systems of ours, each by its wire: Stripe's meter events, OpenMeter's CloudEvents and
 * Lago's events. What they have counted, they have counted once; an identifier that they know is
 * answered as the real one answers it. They fail when told, or at random by a seed.
 */
export type Billing = AsyncDisposable & {
  readonly url: string
  /** By identifier. */
  readonly stripe: ReadonlyMap<string, MeterEvent>
  /** By `source` and `id`. */
  readonly openMeter: ReadonlyMap<string, CloudEvent>
  /** By `transaction_id`. */
  readonly lago: ReadonlyMap<string, LagoEvent>
  /** Requests that were understood, whatever became of them. */
  readonly requests: readonly { readonly path: string; readonly events: number }[]
  /** Events that came although they were counted already. */
  readonly repeats: number
  /** Answers with each of these before it is well; empty: it is well. */
  fail(...faults: readonly Fault[]): void
  /** Fails about so many of a hundred requests, as the seed has it. */
  failAtRandom(percent: number, seed: number): void
  /** Stripe's customers, if not all ids are. */
  readonly unknown: Set<string>
  /** Refuses connections, until `resume`, on the same port. */
  refuse(): Promise<void>
  resume(): Promise<void>
}

export type MeterEvent = {
  readonly customer: string
  readonly eventName: string
  readonly value: bigint
  readonly timestamp: number
}

// biome-ignore lint/suspicious/noExplicitAny: a test looks into what it expects, and fails if not.
type CloudEvent = { readonly subject: string; readonly data: any; readonly [name: string]: any }
type LagoEvent = {
  readonly external_subscription_id: string
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into what it expects, and fails if not.
  readonly properties: any
  // biome-ignore lint/suspicious/noExplicitAny: likewise.
  readonly [name: string]: any
}

/** `…after`: what came is counted, and the sender does not learn of it. */
export type Fault = 429 | 500 | 401 | 'drop' | 'drop after' | 'error after' | 'hang'

const FAULTS: readonly Fault[] = [429, 500, 'drop', 'drop after', 'error after', 'hang']

/** Of a hang, milliseconds: nobody waits for longer in a test. */
const HANG_MS = 150

export const STRIPE_KEY = 'sk_test_4242424242'
export const LAGO_KEY = 'lago-key-4242'

type Told = { readonly status: number; readonly json: unknown }

export async function startBilling(): Promise<Billing> {
  const double = new Double()
  const answer = (request: RawRequest, reply: Reply) => double.answer(request, reply)
  let server: RawServer | null = await listenRaw(answer)
  const { port } = server
  const refuse = async () => {
    await server?.close()
    server = null
  }
  return {
    url: `http://127.0.0.1:${port}`,
    stripe: double.stripe,
    openMeter: double.openMeter,
    lago: double.lago,
    requests: double.requests,
    unknown: double.unknown,
    get repeats() {
      return double.repeats
    },
    fail: (...faults) => void double.faults.push(...faults),
    failAtRandom(percent, seed) {
      const random = randomFrom(seed)
      double.chance = () =>
        random() * 100 < percent ? FAULTS[Math.floor(random() * FAULTS.length)]! : null
    },
    refuse,
    async resume() {
      server ??= await listenRaw(answer, port)
    },
    [Symbol.asyncDispose]: refuse,
  }
}

class Double {
  readonly stripe = new Map<string, MeterEvent>()
  readonly openMeter = new Map<string, CloudEvent>()
  readonly lago = new Map<string, LagoEvent>()
  readonly requests: { path: string; events: number }[] = []
  readonly unknown = new Set<string>()
  readonly faults: Fault[] = []
  chance: () => Fault | null = () => null
  repeats = 0
  /** Stripe takes one event at a time for a customer and a meter. */
  readonly #locked = new Set<string>()

  async answer(request: RawRequest, reply: Reply) {
    const fault = this.faults.shift() ?? this.chance()
    if (fault === 'drop') return reply.drop('reset')
    if (fault === 'hang') {
      await new Promise((resolve) => setTimeout(resolve, HANG_MS))
      return reply.drop('close')
    }
    if (typeof fault === 'number') return send(reply, { status: fault, json: said('Not now.') })
    const told = await this.#take(request)
    if (fault === 'drop after') return reply.drop('reset')
    if (fault === 'error after') return send(reply, { status: 502, json: said('Lost it.') })
    await send(reply, told)
  }

  async #take(request: RawRequest): Promise<Told> {
    const { path } = request
    if (request.method !== 'POST') return { status: 405, json: null }
    if (path === '/v1/billing/meter_events') return this.#takeMeterEvent(request)
    if (path === '/api/v1/events') return this.#takeCloudEvents(request)
    if (path === '/lago/api/v1/events/batch') return this.#takeLago(request)
    return { status: 404, json: said(`No such path: ${path}`) }
  }

  async #takeMeterEvent({ path, headers, body }: RawRequest): Promise<Told> {
    this.requests.push({ path, events: 1 })
    if (headers.get('authorization') !== `Bearer ${STRIPE_KEY}`) return refused(401, 'Invalid key')
    if (headers.get('content-type') !== 'application/x-www-form-urlencoded') {
      return refused(415, 'not a form')
    }
    const form = new URLSearchParams(new TextDecoder().decode(body))
    const of = (name: string) => form.get(name) ?? ''
    const [identifier, customer] = [of('identifier'), of('payload[stripe_customer_id]')]
    const [eventName, value] = [of('event_name'), of('payload[value]')]
    const lane = `${customer} ${eventName}`
    if (this.#locked.has(lane)) return refused(429, 'Another is under way', 'lock_timeout')
    this.#locked.add(lane)
    await new Promise((resolve) => setImmediate(resolve))
    this.#locked.delete(lane)
    const age = Date.now() / 1_000 - Number(of('timestamp'))
    if (!/^-?\d+$/.test(value)) return refused(400, `Invalid value: ${value}`)
    if (!(age < 35 * 86_400 && age > -300)) return refused(400, 'Timestamp out of range')
    if (identifier === '' || identifier.length > 100) return refused(400, 'Invalid identifier')
    if (this.unknown.has(customer)) return refused(400, `No such customer: '${customer}'`)
    if (this.stripe.has(identifier)) {
      this.repeats++
      return refused(400, `An event already exists with identifier ${identifier}.`)
    }
    const timestamp = Number(of('timestamp'))
    this.stripe.set(identifier, { customer, eventName, value: BigInt(value), timestamp })
    return { status: 200, json: { object: 'billing.meter_event', identifier } }
  }

  #takeCloudEvents({ path, headers, body }: RawRequest): Told {
    const json = JSON.parse(new TextDecoder().decode(body))
    const type = headers.get('content-type')
    const isBatch = type === 'application/cloudevents-batch+json'
    if (isBatch !== Array.isArray(json)) return { status: 400, json: said('Wrong type') }
    if (!isBatch && type !== 'application/cloudevents+json') return { status: 415, json: null }
    const events = (isBatch ? json : [json]) as CloudEvent[]
    this.requests.push({ path, events: events.length })
    const bad = events.find(
      (event) => event['specversion'] !== '1.0' || !event['id'] || this.unknown.has(event.subject),
    )
    if (bad !== undefined) return { status: 400, json: said(`Bad event ${bad['id']}`) }
    for (const event of events) {
      const key = `${event['source']} ${event['id']}`
      if (this.openMeter.has(key)) this.repeats++
      else this.openMeter.set(key, event)
    }
    return { status: 204, json: null }
  }

  #takeLago({ path, headers, body }: RawRequest): Told {
    if (headers.get('authorization') !== `Bearer ${LAGO_KEY}`) return refused(401, 'Unauthorized')
    const { events } = JSON.parse(new TextDecoder().decode(body)) as { events: LagoEvent[] }
    this.requests.push({ path, events: events.length })
    if (events.length > 100)
      return { status: 422, json: { error_details: { events: ['too_many_events'] } } }
    const faults: Record<string, unknown> = {}
    for (const [index, event] of events.entries()) {
      if (this.lago.has(event['transaction_id'])) {
        this.repeats++
        faults[index] = { transaction_id: ['value_already_exist'] }
      }
      if (this.unknown.has(event.external_subscription_id)) {
        faults[index] = { external_subscription_id: ['value_is_invalid'] }
      }
    }
    if (Object.keys(faults).length > 0) {
      const about = { code: 'validation_errors', error_details: faults }
      return { status: 422, json: { status: 422, error: 'Unprocessable Entity', ...about } }
    }
    for (const event of events) this.lago.set(event['transaction_id'], event)
    return { status: 200, json: { events } }
  }
}

const said = (message: string) => ({ error: { message, type: 'invalid_request_error' } })

const refused = (status: number, message: string, code?: string): Told => ({
  status,
  json: {
    error: { message, type: 'invalid_request_error', ...(code === undefined ? {} : { code }) },
  },
})

async function send(reply: Reply, { status, json }: Told) {
  const body = Buffer.from(json === null ? '' : JSON.stringify(json))
  await reply.head(status, { 'content-type': 'application/json' }, body.length)
  await reply.write(body)
  await reply.end()
}

/** mulberry32: the same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

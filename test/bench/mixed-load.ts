import type { Script } from '../support/script.ts'
import type { Server } from '../support/server.ts'
import type { Upstream } from '../support/upstream.ts'

/** A load that goes on until it is stopped. */
export type Load = {
  /** Since the last look. Milliseconds are those of plain calls that were answered. */
  window(): {
    readonly calls: number
    readonly perSecond: number
    readonly p50: number
    readonly p99: number
    readonly wrong: number
  }
  totals(): { readonly total: ReadonlyMap<string, number>; readonly wrongs: readonly string[] }
  /** Resolves when nothing is under way any more. */
  stop(): Promise<void>
}

const CUSTOMERS = 1_000

/** An upstream's misbehaviour, and the status that the client must see for it in a plain call. */
const FAULTS: readonly { readonly script: Script; readonly status: number }[] = [
  { script: { status: 500 }, status: 500 },
  { script: { status: 429 }, status: 429 },
  { script: { body: '<h1>no</h1>' }, status: 502 },
  { script: { dies: { after: { bytes: 10 } } }, status: 502 },
  { script: { usage: 'absent' }, status: 200 },
]

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T

/** Calls of the models `fast` and `awkward`, of every kind, so many a second. */
export function mixedLoad(
  server: Server,
  awkward: Upstream,
  { rate, workers }: { readonly rate: number; readonly workers: number },
): Load {
  const total = new Map<string, number>()
  const wrongs: string[] = []
  let latencies: number[] = []
  let calls = 0
  let seen = 0
  let seenAt = performance.now()
  let isOver = false

  const expect = (what: string, got: unknown, wanted: unknown) => {
    if (got !== wanted) wrongs.push(`${what}: ${String(got)} instead of ${String(wanted)}`)
  }
  const customer = () => `customer-${Math.floor(Math.random() * CUSTOMERS)}`
  const ask = (more: object, signal?: AbortSignal) =>
    server.fetch('/v1/chat/completions', {
      json: {
        model: 'fast',
        user: customer(),
        messages: [{ role: 'user', content: 'what time is it' }],
        ...more,
      },
      ...(signal === undefined ? {} : { signal }),
    })

  let cost: string | null = null
  const kinds: Record<string, { readonly weight: number; readonly call: () => Promise<void> }> = {
    plain: {
      weight: 60,
      async call() {
        const at = performance.now()
        const response = await ask({})
        await response.json()
        latencies.push(performance.now() - at)
        expect('a plain call', response.status, 200)
        cost ??= response.headers.get('x-tollgate-cost')
        expect('its cost', response.headers.get('x-tollgate-cost'), cost)
      },
    },
    streamed: {
      weight: 22,
      async call() {
        const response = await ask({ stream: true })
        const text = await response.text()
        expect('a stream', response.status, 200)
        expect('its end', text.endsWith('data: [DONE]\n\n'), true)
      },
    },
    'hung up': {
      weight: 5,
      async call() {
        const controller = new AbortController()
        const response = await ask({ stream: true }, controller.signal)
        await response.body!.getReader().read()
        controller.abort()
      },
    },
    'upstream failed': {
      weight: 4,
      async call() {
        // The double answers in the order of the scripts, so one such call at a time.
        const { script, status } = pick(FAULTS)
        const response = await alone(() => {
          awkward.next(script)
          return ask({ model: 'awkward' })
        })
        await response.text()
        expect(`a call with ${JSON.stringify(script)}`, response.status, status)
      },
    },
    'over budget': {
      weight: 4,
      async call() {
        const response = await ask({ user: 'broke' })
        await response.text()
        expect('a call over its budget', response.status, 429)
      },
    },
    'bad request': {
      weight: 3,
      async call() {
        const { status } = await server.ask('/v1/chat/completions', { method: 'POST', body: '{"a' })
        expect('a bad request', status, 400)
      },
    },
    report: {
      weight: 2,
      async call() {
        const { status } = await server.ask(`/customer/info?end_user_id=customer-0`)
        expect('a report', status, 200)
      },
    },
  }

  let last: Promise<unknown> = Promise.resolve()
  const alone = <T>(act: () => Promise<T>): Promise<T> => {
    const mine = last.then(act)
    last = mine.catch(() => {})
    return mine
  }

  const names = Object.entries(kinds).flatMap(([name, { weight }]) =>
    Array.from({ length: weight }, () => name),
  )
  const startedAt = performance.now()
  let asked = 0
  async function work() {
    while (!isOver) {
      const dueInMs = startedAt + (asked++ * 1_000) / rate - performance.now()
      if (dueInMs > 1) await new Promise((resolve) => setTimeout(resolve, dueInMs))
      const name = pick(names)
      await kinds[name]!.call().catch((error: unknown) => wrongs.push(`${name}: ${String(error)}`))
      total.set(name, (total.get(name) ?? 0) + 1)
      calls++
    }
  }

  async function run() {
    await server.ask('/customer/new', { json: { user_id: 'broke', max_budget: 0 } })
    for (let n = 0; n < CUSTOMERS; n += 2) {
      await server.ask('/customer/new', { json: { user_id: `customer-${n}`, max_budget: 1_000 } })
    }
    await Promise.all(Array.from({ length: workers }, work))
  }
  const running = run()

  return {
    window() {
      const now = performance.now()
      const sorted = Float64Array.from(latencies).sort()
      const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
      const perSecond = (calls - seen) / ((now - seenAt) / 1_000)
      latencies = []
      seen = calls
      seenAt = now
      return { calls, perSecond, p50: at(0.5), p99: at(0.99), wrong: wrongs.length }
    },
    totals: () => ({ total, wrongs }),
    async stop() {
      isOver = true
      await running
    },
  }
}

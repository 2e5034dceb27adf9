import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Anthropic, startAnthropic } from '../support/anthropic.ts'
import { run, SOURCE } from '../support/command.ts'
import { Learnt } from '../support/learnt.ts'
import { bytesOf, filled, requestsTo, type WireRequest } from '../support/odd-requests.ts'
import { type DocumentedRoute, routesOf } from '../support/openapi.ts'
import { exchange, type RawAnswer } from '../support/raw-client.ts'
import { startReceiver } from '../support/receiver.ts'
import { type Server, startServer } from '../support/server.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

/**
 * Good and bad requests, made of the server's own OpenAPI document, over the wire at the real
 * server: a route is attacked from the day it is documented. `bun run test:fuzz` sends 10,000.
 * FUZZ_SEED repeats a run; fast-check prints the smallest request that fails.
 */
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 2_000)
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() & 0x7fffffff)
const ANSWER_MS_MAX = 5_000

test(`${REQUESTS} requests, good and bad, are each answered as documented, never with a 500`, async () => {
  await using upstream = await startUpstream({ isStrict: false, keepsCalls: false })
  await using anthropic = await startAnthropic()
  await using receiver = await startReceiver()
  const env = { WEBHOOK_URL: receiver.url }
  await using server = await startServer({ config: configOf(upstream, anthropic), env })
  // An answer of `/spend/live` does not end.
  const documented = routesOf((await server.ask('/docs/json')).json)
  const routes = documented.filter(({ path }) => path !== '/spend/live')
  const figures = new Figures(routes)
  const learnt = new Learnt()

  const startedAt = performance.now()
  await fc.assert(
    fc.asyncProperty(requestsTo(routes), async (marked) => {
      const request = filled(marked, learnt)
      const answer = await ask(server, request)
      figures.add(request, answer, openPaths(routes))
      if (answer.status < 300 && request.isToRoute) learnt.hear(jsonOf(answer))
    }),
    { numRuns: REQUESTS, seed: SEED, asyncReporter: report },
  )
  console.log(figures.text(performance.now() - startedAt))

  // Most of the good requests must be good, or the bad ones never get past the first check.
  expect(figures.answers.get(2) ?? 0).toBeGreaterThan(REQUESTS / 5)
  expect(server.output()).not.toContain('"level":"error"')
  expect((await server.ask('/metrics')).text).toContain('tollgate_held_reservations 0\n')
  const books = await run([...SOURCE, 'verify', '--db', server.databasePath], server)
  expect(books).toMatchObject({ code: 0, errors: '' })
}, 600_000)

/** The model of the document's examples goes all the way to an upstream, of either kind. */
const configOf = ({ url }: Upstream, anthropic: Anthropic) => `
model_list:
  - model_name: demo
    litellm_params: {model: openai/gpt-4o-mini, api_base: '${url}', api_key: sk-upstream}
  - model_name: demo
    litellm_params: {model: anthropic/claude-sonnet-5, api_base: '${anthropic.url}', api_key: k}
  - model_name: built-in
    litellm_params: {model: demo/demo}
general_settings:
  alerting: [webhook]
`

/** Of a failure the smallest request, its answer, and what repeats it; no object of ours. */
async function report(details: fc.RunDetails<[WireRequest]>) {
  if (!details.failed) return
  const { seed, numRuns, numShrinks, errorInstance } = details
  const { message } = errorInstance as Error
  throw new Error(
    `request ${numRuns} (FUZZ_SEED=${seed}, made smaller ${numShrinks} times): ${message}`,
  )
}

async function ask(server: Server, request: WireRequest): Promise<RawAnswer> {
  const isHead = request.method === 'HEAD'
  const { answers, end } = await exchange(
    Number(new URL(server.url).port),
    bytesOf(request, server.key),
    { deadlineMs: ANSWER_MS_MAX, isHead },
  )
  const [answer] = answers
  if (answer === undefined || end === 'late') throw wrong(request, 'no whole answer', end)
  if (answers.length > 1) throw wrong(request, `${answers.length} answers`, '')
  return answer
}

function jsonOf({ body }: Pick<RawAnswer, 'body'>): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch {
    return null
  }
}

/** Paths that need no key: documented as such, or the document itself. */
const openPaths = (routes: readonly DocumentedRoute[]) =>
  new Set(['/docs', '/docs/json', ...routes.filter((of) => of.isOpen).map(({ path }) => path)])

/** What came back, counted; what is wrong with an answer is thrown. */
class Figures {
  /** By the first digit of the status. */
  readonly answers = new Map<number, number>()
  readonly #unanswered: Set<string>
  readonly #routes: number

  constructor(routes: readonly DocumentedRoute[]) {
    this.#unanswered = new Set(routes.map(({ name }) => name))
    this.#routes = routes.length
  }

  add(request: WireRequest, answer: RawAnswer, open: ReadonlySet<string>) {
    const { status, headers } = answer
    const text = new TextDecoder().decode(answer.body)
    const statusClass = Math.floor(status / 100)
    this.answers.set(statusClass, (this.answers.get(statusClass) ?? 0) + 1)
    if (statusClass === 5) throw wrong(request, `a ${status}`, text)
    if (headers.has('access-control-allow-origin')) throw wrong(request, 'CORS', text)
    if (statusClass !== 2) {
      if (request.method !== 'HEAD') expectErrorShape(request, status, text)
      return
    }
    if (request.key !== 'master' && !open.has(new URL(request.target, 'http://x').pathname)) {
      throw wrong(request, `a ${status} without the key`, text)
    }
    if (!request.isToRoute) return
    this.#unanswered.delete(request.route.name)
    const type = headers.get('content-type') ?? ''
    const misfit = request.route.misfitOf({ status, type, text })
    if (misfit !== null) throw wrong(request, misfit, text)
  }

  text(ms: number): string {
    const counts = [2, 4, 5].map((digit) => `${digit}xx ${this.answers.get(digit) ?? 0}`)
    const sum = [...this.answers.values()].reduce((sum, count) => sum + count, 0)
    const never = this.#unanswered.size === 0 ? '' : ` (never ${[...this.#unanswered].join(', ')})`
    return [
      `${sum} requests over ${this.#routes} routes in ${(ms / 1000).toFixed(1)} s, seed ${SEED}`,
      `answers: ${counts.join(', ')}; of 500: 0; outside the common error shape: 0`,
      `routes answered well: ${this.#routes - this.#unanswered.size}${never}`,
    ].join('\n')
  }
}

/** One member more for Anthropic's clients, where a target, however it is written, means them. */
const isAlone = (rest: object, { target }: WireRequest): boolean => {
  const members = JSON.stringify(rest)
  return members === '{}' || (members === '{"type":"error"}' && target.includes('messages'))
}

function expectErrorShape(request: WireRequest, status: number, text: string) {
  const json = jsonOf({ body: Buffer.from(text) })
  const { error, ...rest } = (json ?? {}) as { error?: Record<string, unknown> }
  const isShape =
    error !== undefined &&
    error !== null &&
    isAlone(rest, request) &&
    Object.keys(error).sort().join() === 'code,message,param,type' &&
    typeof error['message'] === 'string' &&
    error['message'].length > 5 &&
    typeof error['type'] === 'string' &&
    (error['param'] === null || typeof error['param'] === 'string') &&
    error['code'] === String(status)
  if (!isShape) throw wrong(request, `a ${status} outside the common error shape`, text)
}

function wrong(request: WireRequest, what: string, text: string): Error {
  const sent = Buffer.from(bytesOf(request, 'KEY')).toString('latin1').slice(0, 1_500)
  return new Error(`${what}\n--- sent\n${sent}\n--- answered\n${text.slice(0, 1_500)}`)
}

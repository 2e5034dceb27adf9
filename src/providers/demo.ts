import { ANTHROPIC_SHAPES } from './demo-messages.ts'
import { SHAPES } from './demo-shapes.ts'

/**
 * The upstream that needs no key: the built-in model `demo`, and whatever the config gives a
 * `mock_response`. It answers in the wire formats of OpenAI and Anthropic, streamed or not, and
 * reports usage, so that everything behind it (metering, ledger, budgets, webhooks) works as with a
 * real one.
 */
export type Ask = {
  /** Below the base URL: `/chat/completions`. */
  readonly path: string
  /** The call's body. */
  readonly json: Readonly<Record<string, unknown>>
  readonly model: string
  /** What to answer; null: the demo's own words. */
  readonly text: string | null
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** Null: it has no answer for that path. */
export function simulate(ask: Ask): Response | null {
  const shape = SHAPES[ask.path] ?? ANTHROPIC_SHAPES[ask.path]
  if (shape === undefined) return null
  const { json, now, ...frame } = ask
  const asked = shape.asked(json)
  const whole = tokensOf(ask.text ?? demoText(asked.at(-1) ?? ''))
  const words = whole.slice(0, capOf(json))
  const said = {
    ...frame,
    json,
    seconds: Math.floor(now / 1000),
    words,
    isCut: words.length < whole.length,
    input: asked.reduce((sum, text) => sum + tokensOf(text).length, 0),
  }
  const events = json['stream'] === true ? shape.events?.(said) : undefined
  return events === undefined ? Response.json(shape.whole(said)) : streamed(events)
}

function capOf(json: Ask['json']): number {
  const { max_completion_tokens: ofChat, max_tokens: older, max_output_tokens: ofResponse } = json
  const cap = ofChat ?? older ?? ofResponse
  return typeof cap === 'number' && cap >= 0 ? cap : Number.POSITIVE_INFINITY
}

function streamed(events: readonly string[]): Response {
  const encoder = new TextEncoder()
  let next = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(encoder.encode(events[next++]!))
      if (next === events.length) controller.close()
    },
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } })
}

/** The demo's tokens are words with the space before them, and signs: easy to count by hand. */
const tokensOf = (text: string): string[] => text.match(/\s*(?:[\p{L}\p{N}]+|[^\s])|\s+$/gu) ?? []

const demoText = (asked: string): string =>
  "This is Tollgate's demo model: it thinks of nothing, and costs nothing real. " +
  `You said: ${asked.slice(0, 200)}`

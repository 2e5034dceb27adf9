/**
 * The upstream that needs no key: the built-in model `demo`, and whatever the config gives a
 * `mock_response`. It answers in OpenAI's wire format, streamed or not, and reports usage, so that
 * everything behind it (metering, ledger, budgets, webhooks) works as with a real one.
 */

type Ask = {
  /** The call's body. */
  readonly json: Readonly<Record<string, unknown>>
  readonly model: string
  /** What to answer; null: the demo's own words. */
  readonly text: string | null
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly now: number
}

export function simulate(ask: Ask): Response {
  const { json } = ask
  const wanted = json['max_completion_tokens'] ?? json['max_tokens']
  const tokensMax = typeof wanted === 'number' && wanted >= 0 ? wanted : Number.POSITIVE_INFINITY
  const whole = tokensOf(ask.text ?? demoText(json))
  const words = whole.slice(0, tokensMax)
  const finish = words.length < whole.length ? 'length' : 'stop'
  const prompt = promptTokens(json)
  const usage = {
    prompt_tokens: prompt,
    completion_tokens: words.length,
    total_tokens: prompt + words.length,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  }
  return json['stream'] === true
    ? streamed(ask, { words, finish, usage })
    : whole200(ask, { words, finish, usage })
}

type Answer = {
  readonly words: readonly string[]
  readonly finish: 'stop' | 'length'
  readonly usage: Readonly<Record<string, unknown>>
}

const whole200 = (ask: Ask, { words, finish, usage }: Answer): Response =>
  Response.json({
    id: `chatcmpl-${ask.id}`,
    object: 'chat.completion',
    created: Math.floor(ask.now / 1000),
    model: ask.model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: words.join(''), refusal: null },
        logprobs: null,
        finish_reason: finish,
      },
    ],
    usage,
  })

function streamed(ask: Ask, { words, finish, usage }: Answer): Response {
  const frame = {
    id: `chatcmpl-${ask.id}`,
    object: 'chat.completion.chunk',
    created: Math.floor(ask.now / 1000),
    model: ask.model,
  }
  const chunk = (delta: object, finish_reason: string | null = null) => ({
    ...frame,
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
  })
  const options = ask.json['stream_options'] as { include_usage?: unknown } | null | undefined
  const chunks: unknown[] = [
    chunk({ role: 'assistant', content: '' }),
    ...words.map((content) => chunk({ content })),
    chunk({}, finish),
    ...(options?.include_usage === true ? [{ ...frame, choices: [], usage }] : []),
  ]
  const encoder = new TextEncoder()
  let next = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = chunks[next++]
      const data = piece === undefined ? '[DONE]' : JSON.stringify(piece)
      controller.enqueue(encoder.encode(`data: ${data}\n\n`))
      if (piece === undefined) controller.close()
    },
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } })
}

/** The demo's tokens are words with the space before them, and signs: easy to count by hand. */
const tokensOf = (text: string): string[] => text.match(/\s*(?:[\p{L}\p{N}]+|[^\s])|\s+$/gu) ?? []

function promptTokens(json: Ask['json']): number {
  const messages = Array.isArray(json['messages']) ? json['messages'] : []
  return messages.reduce((sum, message) => sum + tokensOf(textOf(message)).length, 0)
}

function demoText(json: Ask['json']): string {
  const messages = Array.isArray(json['messages']) ? json['messages'] : []
  const asked = textOf(messages.at(-1)).slice(0, 200)
  return (
    "This is Tollgate's demo model: it thinks of nothing, and costs nothing real. " +
    `You said: ${asked}`
  )
}

/** The text of a message, whether it is given as text or in parts. */
function textOf(message: unknown): string {
  const { content } = (message ?? {}) as { content?: unknown }
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part) => (typeof part?.text === 'string' ? part.text : '')).join(' ')
}

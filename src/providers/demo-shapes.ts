/** How the demo says what it says, on each path, in OpenAI's wire formats. */

type Json = Readonly<Record<string, unknown>>

/** An answer, before it is known how it is written. */
export type Said = {
  readonly id: string
  readonly model: string
  readonly json: Json
  /** Since the epoch. */
  readonly seconds: number
  /** A token each. */
  readonly words: readonly string[]
  /** The client's cap cut it off. */
  readonly isCut: boolean
  /** Tokens of what was asked. */
  readonly input: number
}

export type Shape = {
  /** The texts that a call asks. */
  readonly asked: (json: Json) => string[]
  readonly whole: (said: Said) => object
  /** The events of a stream, with their blank lines; missing: it does not stream. */
  readonly events?: (said: Said) => string[]
}

const data = (json: unknown) => `data: ${JSON.stringify(json)}\n\n`
const DONE = 'data: [DONE]\n\n'

const usageOf = ({ input, words }: Said) => ({
  prompt_tokens: input,
  completion_tokens: words.length,
  total_tokens: input + words.length,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
})

/** Chunks of a chat or of a completion; `choiceOf` is how one of its texts stands in a choice. */
function chunks(
  said: Said,
  frame: object,
  choiceOf: (text: string | null, finish: string | null) => object,
): string[] {
  const options = said.json['stream_options'] as { include_usage?: unknown } | null | undefined
  const finish = said.isCut ? 'length' : 'stop'
  const choices = [...said.words.map((word) => choiceOf(word, null)), choiceOf(null, finish)]
  const all: object[] = choices.map((choice) => ({ ...frame, choices: [choice] }))
  if (options?.include_usage === true) all.push({ ...frame, choices: [], usage: usageOf(said) })
  return [...all.map(data), DONE]
}

const frameOf = ({ id, model, seconds }: Said, prefix: string, object: string) => ({
  id: `${prefix}-${id}`,
  object,
  created: seconds,
  model,
})

const CHAT: Shape = {
  asked: ({ messages }) => (Array.isArray(messages) ? messages.map(textOf) : []),
  whole: (said) => ({
    ...frameOf(said, 'chatcmpl', 'chat.completion'),
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: said.words.join(''), refusal: null },
        logprobs: null,
        finish_reason: said.isCut ? 'length' : 'stop',
      },
    ],
    usage: usageOf(said),
  }),
  events(said) {
    const frame = frameOf(said, 'chatcmpl', 'chat.completion.chunk')
    const choice = (delta: object, finish_reason: string | null) => ({
      index: 0,
      delta,
      logprobs: null,
      finish_reason,
    })
    const role = choice({ role: 'assistant', content: '' }, null)
    return [
      data({ ...frame, choices: [role] }),
      ...chunks(said, frame, (text, finish) =>
        choice(text === null ? {} : { content: text }, finish),
      ),
    ]
  },
}

const completionChoice = (text: string, finish_reason: string | null) => ({
  text,
  index: 0,
  logprobs: null,
  finish_reason,
})

const COMPLETIONS: Shape = {
  asked: ({ prompt }) => textsIn(prompt),
  whole: (said) => ({
    ...frameOf(said, 'cmpl', 'text_completion'),
    choices: [completionChoice(said.words.join(''), said.isCut ? 'length' : 'stop')],
    usage: usageOf(said),
  }),
  events: (said) =>
    chunks(said, frameOf(said, 'cmpl', 'text_completion'), (text, finish) =>
      completionChoice(text ?? '', finish),
    ),
}

const RESPONSES: Shape = {
  asked: ({ instructions, input }) => [
    ...textsIn(instructions),
    ...(Array.isArray(input) ? input.map(textOf) : textsIn(input)),
  ],
  whole: responseOf,
  events(said) {
    const done = responseOf(said)
    const [message] = done.output
    const part = message!.content[0]!
    const at = { item_id: message!.id, output_index: 0, content_index: 0 }
    const making = { ...done, status: 'in_progress', output: [], usage: null }
    const deltas = said.words.map((delta) => ({ type: 'response.output_text.delta', ...at, delta }))
    const empty = { ...message, status: 'in_progress', content: [] }
    const events: { readonly type: string; readonly [member: string]: unknown }[] = [
      { type: 'response.created', response: making },
      { type: 'response.output_item.added', output_index: 0, item: empty },
      { type: 'response.content_part.added', ...at, part: { ...part, text: '' } },
      ...deltas,
      { type: 'response.output_text.done', ...at, text: part.text },
      { type: 'response.content_part.done', ...at, part },
      { type: 'response.output_item.done', output_index: 0, item: message },
      { type: `response.${done.status}`, response: done },
    ]
    return events.map(
      (event, sequence_number) => `event: ${event.type}\n${data({ ...event, sequence_number })}`,
    )
  },
}

function responseOf(said: Said) {
  const status = said.isCut ? 'incomplete' : 'completed'
  const text = { type: 'output_text', text: said.words.join(''), annotations: [] }
  const message = { id: `msg_${said.id}`, type: 'message', status, role: 'assistant' }
  return {
    id: `resp_${said.id}`,
    object: 'response',
    created_at: said.seconds,
    status,
    error: null,
    incomplete_details: said.isCut ? { reason: 'max_output_tokens' } : null,
    model: said.model,
    output: [{ ...message, content: [text] }],
    // It keeps nothing.
    store: false,
    usage: {
      input_tokens: said.input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: said.words.length,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: said.input + said.words.length,
    },
  }
}

const EMBEDDINGS: Shape = {
  asked: ({ input }) => textsIn(input),
  whole: ({ json, model, input }) => ({
    object: 'list',
    data: textsIn(json['input']).map((text, index) => ({
      object: 'embedding',
      index,
      embedding: embeddingOf(text, json['encoding_format']),
    })),
    model,
    usage: { prompt_tokens: input, total_tokens: input },
  }),
}

const DIMENSIONS = 8

/** Of no meaning, and always the same for the same text. */
function embeddingOf(text: string, format: unknown): readonly number[] | string {
  const sums = new Float32Array(DIMENSIONS)
  for (const [index, character] of [...text].entries()) {
    sums[index % DIMENSIONS]! += (character.codePointAt(0)! % 97) / 97
  }
  const length = Math.hypot(...sums) || 1
  const vector = sums.map((sum) => sum / length)
  if (format !== 'base64') return [...vector]
  return btoa(String.fromCharCode(...new Uint8Array(vector.buffer)))
}

const MODERATIONS: Shape = {
  asked: ({ input }) => textsIn(input),
  whole: ({ id, model, json }) => ({
    id: `modr-${id}`,
    model,
    results: textsIn(json['input']).map(() => ({
      flagged: false,
      categories: {},
      category_scores: {},
    })),
  }),
}

export const SHAPES: Readonly<Record<string, Shape>> = {
  '/chat/completions': CHAT,
  '/completions': COMPLETIONS,
  '/responses': RESPONSES,
  '/embeddings': EMBEDDINGS,
  '/moderations': MODERATIONS,
}

/** A text, or a list of them. */
const textsIn = (asked: unknown): string[] =>
  (Array.isArray(asked) ? asked : [asked]).filter((text) => typeof text === 'string')

/** The text of a message, whether it is given as text or in parts. */
export function textOf(message: unknown): string {
  if (typeof message === 'string') return message
  const { content } = (message ?? {}) as { content?: unknown }
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part) => (typeof part?.text === 'string' ? part.text : '')).join(' ')
}

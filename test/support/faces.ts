import { type Answer, type Asked, completionOf, idOf, pretty } from './completion.ts'
import { images, speech, transcripts } from './media-faces.ts'
import { errorOfStatus } from './openai-errors.ts'
import type { Script } from './script.ts'
import { type Completion, NO_TOKENS, type Tokens, wireUsage } from './wire.ts'

type Body = Omit<Answer, 'headers'> & { readonly contentType?: string }

/** How the double speaks on one of its paths: what it says, in that path's wire format. */
export type Face = (asked: Asked, script: Script) => Body

type Json = Readonly<Record<string, unknown>>

/** The paths besides `/v1/chat/completions`. */
export const FACES: Readonly<Record<string, Face>> = {
  '/v1/completions': completions,
  '/v1/responses': responses,
  '/v1/embeddings': embeddings,
  '/v1/moderations': moderations,
  '/v1/images/generations': images('image_generation'),
  '/v1/images/edits': images('image_edit'),
  '/v1/audio/transcriptions': transcripts,
  '/v1/audio/translations': transcripts,
  '/v1/audio/speech': speech,
}

const whole = (json: Json, tokens: Tokens | null): Body => ({
  status: 200,
  events: [pretty(json)],
  isStream: false,
  told: tokens === null ? null : { tokens, events: 1 },
})

const words = (text: unknown): number => String(text ?? '').match(/\S+/g)?.length ?? 0

/** The words of everything that is asked, whatever shape it has. */
const wordsIn = (asked: unknown): number =>
  typeof asked === 'object' && asked !== null
    ? Object.values(asked).reduce((sum: number, part) => sum + wordsIn(part), 0)
    : words(asked)

/** https://platform.openai.com/docs/api-reference/completions/object */
function completions(asked: Asked, script: Script): Body {
  const { completion, tokens: said } = completionOf(asked, script)
  const tokens = { ...said, input: wordsIn(asked.json['prompt']), ...script.tokens }
  const { id, created, model, pieces, finish } = completion
  const frame = { id: id.replace('chatcmpl', 'cmpl'), object: 'text_completion', created, model }
  const choice = (text: string, finish_reason: string | null) => ({
    text,
    index: 0,
    logprobs: null,
    finish_reason,
  })
  const truth = wireUsage(tokens)
  const isUntold = 'usage' in script
  const usage = script.usage === 'absent' ? {} : { usage: isUntold ? script.usage : truth }
  if (asked.json['stream'] !== true) {
    const text = choice(textOf(completion), finish)
    return whole({ ...frame, choices: [text], ...usage }, isUntold ? null : tokens)
  }
  const options = (asked.json['stream_options'] ?? {}) as Json
  const isTold = options['include_usage'] === true && script.usage !== 'absent'
  const chunks: Json[] = pieces.map((piece) => ({
    ...frame,
    choices: [choice(piece.kind === 'text' ? piece.text : '', null)],
  }))
  chunks.push({ ...frame, choices: [choice('', finish)] })
  if (isTold) chunks.push({ ...frame, choices: [], ...usage })
  const events = [...chunks.map((chunk) => JSON.stringify(chunk)), '[DONE]']
  return {
    status: 200,
    events: events.map((data) => Buffer.from(`data: ${data}\n\n`)),
    isStream: true,
    told: isTold && !isUntold ? { tokens, events: chunks.length } : null,
  }
}

const textOf = ({ pieces }: Completion): string =>
  pieces.map((piece) => (piece.kind === 'text' ? piece.text : '')).join('')

/** https://platform.openai.com/docs/api-reference/responses/object, and its streaming events. */
function responses(asked: Asked, script: Script): Body {
  const cap = asked.json['max_output_tokens']
  const capped = { ...asked, json: { ...asked.json, max_completion_tokens: cap } }
  const { completion, tokens: said } = completionOf(capped, script)
  const { input, instructions } = asked.json
  const tokens = { ...said, input: wordsIn(input) + words(instructions), ...script.tokens }
  const { prompt_tokens, completion_tokens, total_tokens } = wireUsage(tokens)
  const truth = {
    input_tokens: prompt_tokens,
    input_tokens_details: { cached_tokens: tokens.cachedInput },
    output_tokens: completion_tokens,
    output_tokens_details: { reasoning_tokens: tokens.reasoning },
    total_tokens,
  }
  const isUntold = 'usage' in script
  const given = script.usage === 'absent' ? null : script.usage
  const isCut = completion.finish === 'length'
  const text = { type: 'output_text', annotations: [], logprobs: [], text: textOf(completion) }
  const message = {
    id: `msg_${idOf(asked.number)}`,
    type: 'message',
    status: isCut ? 'incomplete' : 'completed',
    content: [text],
    role: 'assistant',
  }
  const frame = {
    id: `resp_${idOf(asked.number)}`,
    object: 'response',
    created_at: completion.created,
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    instructions: instructions ?? null,
    max_output_tokens: cap ?? null,
    model: completion.model,
    output: [] as unknown[],
    parallel_tool_calls: true,
    previous_response_id: asked.json['previous_response_id'] ?? null,
    service_tier: completion.serviceTier,
    store: true,
    tools: [],
    usage: null as unknown,
  }
  const done = {
    ...frame,
    status: message.status,
    incomplete_details: isCut ? { reason: 'max_output_tokens' } : null,
    output: [message],
    usage: isUntold ? given : truth,
  }
  const told = asked.json['store'] === false ? done : (asked.keep?.(done) ?? done)
  if (asked.json['stream'] !== true) return whole({ ...told }, isUntold ? null : tokens)

  const at = { item_id: message.id, output_index: 0, content_index: 0 }
  const empty = { ...message, status: 'in_progress', content: [] }
  const events: Json[] = [
    { type: 'response.created', response: frame },
    { type: 'response.in_progress', response: frame },
    { type: 'response.output_item.added', output_index: 0, item: empty },
    { type: 'response.content_part.added', ...at, part: { ...text, text: '' } },
    ...completion.pieces.map((piece) => ({
      type: 'response.output_text.delta',
      ...at,
      delta: piece.kind === 'text' ? piece.text : '',
      logprobs: [],
      obfuscation: 'Kq2',
    })),
    { type: 'response.output_text.done', ...at, text: text.text, logprobs: [] },
    { type: 'response.content_part.done', ...at, part: text },
    { type: 'response.output_item.done', output_index: 0, item: message },
    { type: isCut ? 'response.incomplete' : 'response.completed', response: done },
  ]
  const failed = script.errorAfter
  if (failed !== undefined) events.splice(failed.events, events.length, errorEvent())
  return {
    status: 200,
    events: events.map((event, sequence_number) => {
      const data = JSON.stringify({ ...event, sequence_number })
      return Buffer.from(`event: ${event['type']}\ndata: ${data}\n\n`)
    }),
    isStream: true,
    told: isUntold || failed !== undefined ? null : { tokens, events: events.length },
  }
}

/** https://platform.openai.com/docs/api-reference/responses-streaming/error */
function errorEvent(): Json {
  const { message, code, param } = errorOfStatus(500)
  return { type: 'error', code, message, param }
}

/** https://platform.openai.com/docs/api-reference/embeddings/object */
function embeddings({ json }: Asked, script: Script): Body {
  const { input } = json
  const count = Array.isArray(input) && typeof input[0] !== 'number' ? input.length : 1
  const tokens = { ...NO_TOKENS, input: wordsIn(input), ...script.tokens }
  const truth = { prompt_tokens: tokens.input, total_tokens: tokens.input }
  const isUntold = 'usage' in script
  const usage = script.usage === 'absent' ? {} : { usage: isUntold ? script.usage : truth }
  const vectors = Array.from({ length: count }, (_, index) => ({
    object: 'embedding',
    index,
    embedding: json['encoding_format'] === 'base64' ? 'AAAAPwAAAL8=' : [0.5, -0.5],
  }))
  const answer = { object: 'list', data: vectors, model: json['model'], ...usage }
  return whole(answer, isUntold ? null : tokens)
}

/** https://platform.openai.com/docs/api-reference/moderations/object: no usage, for it is free. */
function moderations({ json, number }: Asked): Body {
  const flags = { violence: false, harassment: false }
  const result = { flagged: false, categories: flags, category_scores: { violence: 0.01 } }
  return whole({ id: `modr-${idOf(number)}`, model: json['model'], results: [result] }, null)
}

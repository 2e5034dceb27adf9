import { cutText, type Script, type ToolCall } from './script.ts'
import { type Completion, NO_TOKENS, type Piece, type Tokens } from './wire.ts'

/** What a client asked for, as far as an answer depends on it. */
export type Asked = {
  /** Below the host. Default: `/v1/chat/completions`. */
  readonly path?: string
  readonly json: Readonly<Record<string, unknown>>
  /** Counts the calls from 1, and makes the ids. */
  readonly number: number
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Keeps an answer under its id, and says what the client is to be told of it. */
  readonly keep?: (done: object) => object
}

/** All of an answer, before it is known how it is written. */
export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** A JSON body is one event. */
  readonly events: readonly Uint8Array[]
  readonly isStream: boolean
  /** What was used, and how many events must be out for it to be told; null: it is not, or untruly. */
  readonly told: { readonly tokens: Tokens; readonly events: number } | null
}

/** OpenAI indents its JSON. */
export const pretty = (json: unknown): Uint8Array =>
  Buffer.from(`${JSON.stringify(json, null, 2)}\n`)

const GREETING = 'Hello! How can I help you today?'

/** What is said, in no more pieces than the client's cap allows, and the tokens it took. */
export function completionOf({ json, number, now }: Asked, script: Script) {
  const whole = piecesOf(script, number)
  const cap = capOf(json, script)
  const pieces = whole.slice(0, cap)
  const choices = typeof json['n'] === 'number' ? json['n'] : 1
  const isCut = pieces.length < whole.length
  const ownFinish = (script.toolCalls ?? []).length > 0 ? 'tool_calls' : 'stop'
  const completion: Completion = {
    id: `chatcmpl-${idOf(number)}`,
    created: Math.floor(now / 1000),
    model: String(json['model']),
    choices,
    pieces,
    serviceTier: script.serviceTier ?? 'default',
    finish: script.finish ?? (isCut ? 'length' : ownFinish),
  }
  const counted = { input: promptTokens(json), output: pieces.length * choices }
  return { completion, tokens: { ...NO_TOKENS, ...counted, ...script.tokens } }
}

export const idOf = (number: number): string => `Tg${String(number).padStart(27, '0')}`

function capOf(json: Asked['json'], script: Script): number {
  const cap = json['max_completion_tokens'] ?? json['max_tokens'] ?? null
  return cap === null || script.ignoresCap === true ? Number.POSITIVE_INFINITY : Number(cap)
}

function piecesOf(script: Script, number: number): Piece[] {
  const calls = script.toolCalls ?? []
  const texts = calls.length > 0 && script.text === undefined ? [] : textsOf(script)
  return [
    ...texts.map((text): Piece => ({ kind: 'text', text })),
    ...calls.flatMap((call, index) => toolPieces(call, index, number)),
  ]
}

function textsOf({ text, deltas }: Script): string[] {
  if (text === undefined && deltas !== undefined) {
    return Array.from({ length: deltas }, (_, index) => (index === 0 ? 'Word' : ' word'))
  }
  if (text === '') return []
  if (deltas !== undefined) return cutText(text!, deltas)
  return (text ?? GREETING).match(/\s*\S+|\s+$/g) ?? []
}

const ARGUMENT_CHARS = 4

function toolPieces(call: ToolCall, index: number, number: number): Piece[] {
  const count = Math.ceil(call.arguments.length / ARGUMENT_CHARS)
  const texts = Array.from({ length: count }, (_, at) =>
    call.arguments.slice(at * ARGUMENT_CHARS, (at + 1) * ARGUMENT_CHARS),
  )
  const id = `call_Tg${String(number).padStart(16, '0')}${String(index).padStart(6, '0')}`
  return [
    { kind: 'tool', index, id, name: call.name },
    ...texts.map((text): Piece => ({ kind: 'arguments', index, text })),
  ]
}

/** A count that a reader can check: the words of all messages, and four for each message. */
function promptTokens(json: Asked['json']): number {
  // One that is not strict takes a call without any, or with what is none.
  const given = json['messages']
  const messages: { readonly content?: unknown }[] = Array.isArray(given) ? given : []
  const words = (text: unknown): number => String(text ?? '').match(/\S+/g)?.length ?? 0
  const wordsOf = (content: unknown): number =>
    Array.isArray(content)
      ? content.reduce((sum: number, part) => sum + words(part?.text), 0)
      : words(content)
  return messages.reduce((sum, message) => sum + 4 + wordsOf(message?.content), 0)
}

/** As OpenAI sends them; those that name an account or a limit are not for a gateway's clients. */
export const headersOf = ({ number }: Pick<Asked, 'number'>, isStream: boolean) => ({
  'content-type': isStream ? 'text/event-stream; charset=utf-8' : 'application/json',
  'access-control-expose-headers': 'X-Request-ID',
  'openai-organization': 'org-tollgatedouble',
  'openai-project': 'proj_tollgatedouble',
  'openai-processing-ms': '12',
  'openai-version': '2020-10-01',
  'x-ratelimit-limit-requests': '10000',
  'x-ratelimit-remaining-requests': '9999',
  'x-request-id': `req_${idOf(number)}`,
  'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
  'set-cookie': '__cf_bm=double; path=/; HttpOnly; Secure; SameSite=None',
})

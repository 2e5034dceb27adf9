import { gzipSync } from 'node:zlib'
import { FACES } from './faces.ts'
import { errorJson, errorOfStatus } from './openai-errors.ts'
import { cutText, type Script, type ToolCall } from './script.ts'
import {
  type Completion,
  chunksJson,
  commentText,
  completionJson,
  type EventStyle,
  eventText,
  NO_TOKENS,
  type Piece,
  type Tokens,
  type UsageMember,
  wireUsage,
} from './wire.ts'

/** What a client asked for, as far as an answer depends on it. */
export type Asked = {
  /** Below the host. Default: `/v1/chat/completions`. */
  readonly path?: string
  readonly json: Readonly<Record<string, unknown>>
  /** Counts the calls from 1, and makes the ids. */
  readonly number: number
  /** Milliseconds since the epoch. */
  readonly now: number
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

/** The answer of a call of chat completions that the script, and OpenAI, would give. */
export function answerOf(asked: Asked, script: Script): Answer {
  const answer =
    script.body === undefined ? spokenAnswer(asked, script) : givenAnswer(asked, script)
  const headers = { ...headersOf(asked, answer.isStream), ...script.headers }
  if (script.isGzip !== true) return { ...answer, headers }
  return {
    ...answer,
    headers: { ...headers, 'content-encoding': 'gzip' },
    events: [gzipSync(Buffer.concat(answer.events))],
    told: answer.told === null ? null : { ...answer.told, events: 1 },
  }
}

type Body = Omit<Answer, 'headers'>

/** A body that the script gives as it is. */
function givenAnswer({ json }: Asked, { status = 200, body }: Script): Body {
  const events = [typeof body === 'string' ? Buffer.from(body) : body!]
  return { status, events, isStream: status === 200 && json['stream'] === true, told: null }
}

function spokenAnswer(asked: Asked, script: Script): Body {
  const { status = 200 } = script
  if (status !== 200) {
    return {
      status,
      events: [pretty(errorJson(errorOfStatus(status)))],
      isStream: false,
      told: null,
    }
  }
  const face = FACES[asked.path ?? '']
  if (face !== undefined) return face(asked, script)
  const { completion, tokens } = completionOf(asked, script)
  const truth = wireUsage(tokens)
  if (asked.json['stream'] === true) return streamed(asked, script, { completion, tokens, truth })
  const usage = 'usage' in script ? memberOf(script.usage) : { usage: truth }
  return {
    status,
    events: [pretty(completionJson(completion, usage))],
    isStream: false,
    told: 'usage' in script ? null : { tokens, events: 1 },
  }
}

/** OpenAI indents its JSON. */
export const pretty = (json: unknown): Uint8Array =>
  Buffer.from(`${JSON.stringify(json, null, 2)}\n`)

const memberOf = (usage: unknown): UsageMember => (usage === 'absent' ? {} : { usage })

type Said = {
  readonly completion: Completion
  readonly tokens: Tokens
  readonly truth: ReturnType<typeof wireUsage>
}

function streamed({ json }: Asked, script: Script, { completion, tokens, truth }: Said): Body {
  const options = (json['stream_options'] ?? {}) as Record<string, unknown>
  const isTold = options['include_usage'] === true && script.usage !== 'absent'
  const usage = {
    others: isTold ? { usage: null } : {},
    last: isTold ? { usage: 'usage' in script ? script.usage : truth } : null,
    place: script.usagePlace ?? 'own chunk',
  }
  const isObfuscated = options['include_obfuscation'] !== false
  const data = chunksJson(completion, usage, { isObfuscated }).map((chunk) => JSON.stringify(chunk))
  if (script.hasDone !== false) data.push('[DONE]')
  const toldBy = data.length - (script.hasDone === false ? 0 : 1)
  const error = script.errorAfter
  if (error !== undefined) {
    data.splice(error.events, data.length, JSON.stringify(errorJson(errorOfStatus(500))))
  }
  const style: EventStyle = {
    lineEnd: script.lineEnd ?? '\n',
    hasSpace: script.hasSpace ?? true,
  }
  const comment = script.hasComments === true ? commentText('keep-alive', style) : ''
  return {
    status: 200,
    events: data.map((text) => Buffer.from(comment + eventText(text, style))),
    isStream: true,
    told: isTold && !('usage' in script) ? { tokens, events: toldBy } : null,
  }
}

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

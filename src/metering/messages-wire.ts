import { anthropicUsage, streamedUsage, usageFromAnthropic } from './anthropic-usage.ts'
import { errorMessage } from './delivered.ts'
import { textIn } from './odd-json.ts'
import { objectOf } from './usage.ts'
import { eventText, type Json, modelOf, type StreamWire, type Told, type Wire } from './wire.ts'

/**
 * `/messages` (https://docs.claude.com/en/docs/build-with-claude/streaming): events have a name and
 * the same name as `type`. The first one tells what was read, the one before the last what was
 * written, and blocks of content begin and end between them.
 */
const STREAM: StreamWire = {
  mayTell: ({ data }) =>
    data.includes('"message_') ||
    data.includes('"content_block_st') ||
    data.includes('"error"') ||
    // An error of something before Anthropic, which knows no types.
    !data.includes('"type"'),
  tell(json, { text }, known) {
    if (json === null) return { isError: text.startsWith('event: error') }
    const tell = TELLS.get(textIn(json['type']))
    if (tell !== undefined) return tell(json, known)
    return { isError: json['type'] === undefined && errorMessage(json) !== null }
  },
  textOf({ type, delta, content_block }) {
    if (type === 'content_block_delta') return deltaText(objectOf(delta))
    // A call of a tool is named when it begins; what it is called with follows.
    return type === 'content_block_start' ? blockText(objectOf(content_block)) : ''
  },
  errorOf: (json) =>
    json['type'] === 'error' || json['type'] === undefined ? messageOf(json) : null,
  frameOf: () => null,
  endAtCap({ known, usage }) {
    const open = typeof known['open'] === 'number' ? known['open'] : null
    const delta = { stop_reason: 'max_tokens', stop_sequence: null }
    const events: Json[] = [
      ...(open === null ? [] : [{ type: 'content_block_stop', index: open }]),
      { type: 'message_delta', delta, usage: usage === null ? {} : anthropicUsage(usage) },
      { type: 'message_stop' },
    ]
    return events.map((event) => eventText(textIn(event['type']), event)).join('')
  },
  errorEvent: (error) => eventText('error', anthropicError(error)),
}

/** By the type of the event. */
const TELLS: ReadonlyMap<string, (json: Json, known: Json) => Told> = new Map(
  Object.entries<(json: Json, known: Json) => Told>({
    message_start({ message }) {
      const { usage } = objectOf(message)
      const input = streamedUsage(usage, { output_tokens: 0, output_tokens_details: {} })
      return { known: { usage, open: null }, input, model: modelOf(objectOf(message)) }
    },
    content_block_start: ({ index }, known) => ({ known: { ...known, open: index } }),
    content_block_stop: (_, known) => ({ known: { ...known, open: null } }),
    message_delta: ({ usage }, known) => ({ usage: streamedUsage(known['usage'], usage) }),
    message_stop: () => ({ ends: true }),
    error: () => ({ isError: true }),
  }),
)

/** `/messages` (https://docs.claude.com/en/api/messages). */
export const MESSAGES_WIRE: Wire = {
  isAnswer: ({ type, content }) => type === 'message' && Array.isArray(content),
  usageOf: (answer) => usageFromAnthropic(answer['usage']),
  textOf: ({ content }) =>
    Array.isArray(content) ? content.map((block) => blockText(objectOf(block))).join('') : '',
  stream: STREAM,
}

/** The text of a block: what it says, what is thought, what a tool is called with. */
function blockText({ type, text, thinking, name, input }: Json): string {
  const isCall = typeof type === 'string' && type.endsWith('tool_use')
  // In a stream a call begins with an empty one, and its pieces follow.
  const given = isCall && Object.keys(objectOf(input)).length > 0 ? JSON.stringify(input) : ''
  return joined([text, thinking, isCall ? name : '', given])
}

const deltaText = ({ text, thinking, partial_json }: Json): string =>
  joined([text, thinking, partial_json])

const joined = (texts: readonly unknown[]): string =>
  texts.filter((text) => typeof text === 'string').join('')

const messageOf = (json: Json): string | null =>
  json['type'] === 'error' ? (errorMessage(json) ?? 'no message') : errorMessage(json)

/** Our common types of errors that Anthropic has a word of its own for. */
const TYPES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    auth_error: 'authentication_error',
    expired_key: 'authentication_error',
    not_found: 'not_found_error',
    overloaded: 'overloaded_error',
    upstream_error: 'api_error',
  }),
)

/**
 * An error in the common shape as one that Anthropic's clients read as well: both have `message`
 * and `type` inside of `error`, and Anthropic's says what it is beside that
 * (https://docs.claude.com/en/api/errors).
 */
export function anthropicError(common: Json): Json {
  const error = objectOf(common['error'])
  const type = String(error['type'])
  return { type: 'error', error: { ...error, type: TYPES.get(type) ?? type } }
}

import { errorMessage } from './delivered.ts'
import { textIn } from './odd-json.ts'
import { inputTokens, outputTokens, type Usage, usageFromResponses } from './usage.ts'
import { eventText, type Json, modelOf, type StreamWire, serviceOf, type Wire } from './wire.ts'

/**
 * `/responses` (https://platform.openai.com/docs/api-reference/responses-streaming): events have a
 * name and the same name as `type`. The last one has the whole answer in it, with the usage.
 */
const STREAM: StreamWire = {
  mayTell: ({ data }) =>
    data.includes('"response.completed"') ||
    data.includes('"response.incomplete"') ||
    data.includes('"response.failed"') ||
    data.includes('"error"'),
  tell(json) {
    if (json === null) return {}
    const type = json['type']
    if (type === 'error') return { isError: true }
    if (!ENDS.has(type)) return { isError: type === undefined && errorMessage(json) !== null }
    const response = objectOf(json['response'])
    return {
      usage: usageFromResponses(response['usage']),
      service: serviceOf(response),
      model: modelOf(response),
      isError: type === 'response.failed',
      ends: true,
    }
  },
  textOf: ({ type, delta, item }) => {
    if (typeof delta === 'string' && TEXT.test(textIn(type))) return delta
    // A call of a tool is named when it begins; its arguments follow.
    const { name } = type === 'response.output_item.added' ? objectOf(item) : {}
    return typeof name === 'string' ? name : ''
  },
  errorOf(json) {
    if (json['type'] === 'error') return messageOf(json)
    if (json['type'] === 'response.failed') return messageOf(objectOf(json['response'])['error'])
    return json['type'] === undefined ? errorMessage(json) : null
  },
  frameOf: ({ type, response }) =>
    type === 'response.created' || type === 'response.in_progress' ? objectOf(response) : null,
  endAtCap({ frame, usage, count }) {
    const response = {
      ...frame,
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      usage: usage === null ? null : usageJson(usage),
    }
    const type = 'response.incomplete'
    return eventText(type, { type, sequence_number: count, response })
  },
  errorEvent(error, upstream) {
    const { code, message, param, type: kind } = objectOf(error['error'])
    if (upstream?.['type'] !== 'response.failed') {
      const sequence = upstream?.['sequence_number'] ?? 0
      const own = { type: 'error', sequence_number: sequence, code, message, param }
      return eventText('error', { ...own, error: { code, message, param, type: kind } })
    }
    const response = objectOf(upstream['response'])
    const failed = { ...response, error: { ...objectOf(response['error']), message } }
    return eventText('response.failed', { ...upstream, response: failed })
  },
}

/** `/responses` (https://platform.openai.com/docs/api-reference/responses). */
export const RESPONSES_WIRE: Wire = {
  isAnswer: ({ object, output }) => object === 'response' || Array.isArray(output),
  isUnfinished: ({ status }) => status === 'queued' || status === 'in_progress',
  usageOf: (answer) => usageFromResponses(answer['usage']),
  textOf: ({ output }) => (Array.isArray(output) ? output.map(textOfItem).join('') : ''),
  stream: STREAM,
}

const ENDS = new Set<unknown>(['response.completed', 'response.incomplete', 'response.failed'])

/** Deltas of text, of reasoning, of refusals, of arguments and code of every kind of tool. */
const TEXT = /\.delta$/

/** An item's text: of a message or a reasoning its parts, of a call what it is called with. */
function textOfItem(item: unknown): string {
  const { content, summary, name, arguments: given, input, code } = objectOf(item)
  const parts = [content, summary].flatMap((list) => (Array.isArray(list) ? list : []))
  const texts = parts.flatMap((part) => [objectOf(part)['text'], objectOf(part)['refusal']])
  return [name, given, input, code, ...texts].filter((text) => typeof text === 'string').join('')
}

function messageOf(error: unknown): string {
  const { message, error: inner } = objectOf(error)
  if (typeof message === 'string') return message
  return inner === undefined ? 'no message' : messageOf(inner)
}

const usageJson = (usage: Usage) => {
  const [input, output] = [inputTokens(usage), outputTokens(usage)]
  return { input_tokens: input, output_tokens: output, total_tokens: input + output }
}

const objectOf = (json: unknown): Json =>
  typeof json === 'object' && json !== null ? (json as Json) : {}

/**
 * What Anthropic refuses, in its words and its shape (https://docs.claude.com/en/api/errors). The
 * checks are those that a gateway can trip over: a member that is OpenAI's or our own, a header that
 * it forgot, blocks that it put together wrongly.
 */
export type AnthropicError = {
  readonly status: number
  readonly type: string
  readonly message: string
}

type Json = Readonly<Record<string, unknown>>

export const anthropicErrorJson = ({ type, message }: AnthropicError, requestId: string) => ({
  type: 'error',
  error: { type, message },
  request_id: requestId,
})

const invalid = (message: string): AnthropicError => ({
  status: 400,
  type: 'invalid_request_error',
  message,
})

export const ORGANIZATION = '80162711-722b-4454-ae75-c6334e6796f2'

const OF_STATUS: Readonly<Record<number, AnthropicError>> = {
  401: { status: 401, type: 'authentication_error', message: 'invalid x-api-key' },
  403: { status: 403, type: 'permission_error', message: 'Your API key may not do this' },
  404: { status: 404, type: 'not_found_error', message: 'Not found' },
  429: {
    status: 429,
    type: 'rate_limit_error',
    message:
      "This request would exceed your organization's rate limit of 30,000 input tokens per minute " +
      `(org: ${ORGANIZATION}, model: claude-sonnet-4-5).`,
  },
  500: { status: 500, type: 'api_error', message: 'Internal server error' },
  529: { status: 529, type: 'overloaded_error', message: 'Overloaded' },
}

export const anthropicErrorOf = (status: number): AnthropicError =>
  OF_STATUS[status] ?? { ...invalid('Bad'), status }

const MEMBERS = new Set(
  `model max_tokens messages system stream temperature top_p top_k stop_sequences tools tool_choice
   thinking output_config metadata service_tier cache_control container inference_geo speed
   context_management mcp_servers diagnostics`.split(/\s+/),
)
/** Taken out in 2026-10-21. */
const GONE = new Set(['temperature', 'top_p', 'top_k'])
const COUNTED = new Set('model messages system tools tool_choice thinking output_config'.split(' '))
const BLOCKS = new Set(
  `text image document search_result thinking redacted_thinking tool_use tool_result server_tool_use
   web_search_tool_result`.split(/\s+/),
)

/** https://platform.claude.com/docs/en/api/versioning */
const VERSIONS = ['2023-06-01', '2026-10-21']

/** Null: it is right. */
export function refusalOfHeaders(headers: Headers): AnthropicError | null {
  if (headers.get('x-api-key') === null) {
    return { ...anthropicErrorOf(401), message: 'x-api-key header is required' }
  }
  if (!VERSIONS.includes(headers.get('anthropic-version') ?? '')) {
    return invalid('anthropic-version: header is required')
  }
  return headers.get('content-type') === 'application/json' ? null : invalid('content-type: bad')
}

/** The same of a body; `isCounted`: one of `count_tokens`. */
export function refusalOfBody(
  json: Json,
  { isCounted, version }: { readonly isCounted: boolean; readonly version: string | null },
): AnthropicError | null {
  const members = isCounted ? COUNTED : MEMBERS
  const isGone = (name: string) => version === '2026-10-21' && GONE.has(name)
  const extra = Object.keys(json).find((name) => !members.has(name) || isGone(name))
  if (extra !== undefined) return invalid(`${extra}: Extra inputs are not permitted`)
  const max = json['max_tokens']
  if (!isCounted && max === undefined) return invalid('max_tokens: Field required')
  if (!isCounted && !(Number.isInteger(max) && Number(max) >= 0)) {
    return invalid('max_tokens: Input should be greater than or equal to 0')
  }
  const temperature = json['temperature'] ?? 1
  if (typeof temperature !== 'number' || temperature > 1 || temperature < 0) {
    return invalid('temperature: range: 0..1')
  }
  if (json['tool_choice'] !== undefined && json['tools'] === undefined) {
    return invalid('tool_choice: tools must be given')
  }
  return refusalOfTools(json['tools']) ?? refusalOfThinking(json) ?? refusalOfMessages(json)
}

function refusalOfTools(tools: unknown): AnthropicError | null {
  if (tools === undefined) return null
  if (!Array.isArray(tools)) return invalid('tools: Input should be a valid list')
  const at = tools.findIndex(
    (tool: Json | null) => tool?.['type'] === undefined && tool?.['input_schema'] === undefined,
  )
  return at === -1 ? null : invalid(`tools.${at}.custom.input_schema: Field required`)
}

function refusalOfThinking({ thinking, max_tokens }: Json): AnthropicError | null {
  const { type, budget_tokens: budget } = (thinking ?? {}) as Json
  if (type !== 'enabled') return null
  if (!(Number(budget) >= 1_024)) {
    return invalid('thinking.enabled.budget_tokens: Input should be greater than or equal to 1024')
  }
  return Number(budget) < Number(max_tokens)
    ? null
    : invalid('`max_tokens` must be greater than `thinking.budget_tokens`.')
}

function refusalOfMessages({ messages, system }: Json): AnthropicError | null {
  if (!Array.isArray(messages)) return invalid('messages: Field required')
  if (messages.length === 0) return invalid('messages: at least one message is required')
  if (Array.isArray(system) && system.some((block: Json | null) => block?.['type'] !== 'text')) {
    return invalid('system: only text')
  }
  let called: unknown[] = []
  for (const [at, message] of messages.entries()) {
    const { role, content, ...more } = (message ?? {}) as Json
    if (Object.keys(more).length > 0) {
      return invalid(`messages.${at}.${Object.keys(more)[0]}: Extra inputs are not permitted`)
    }
    if (role !== 'user' && role !== 'assistant') return invalid(`messages.${at}.role: bad`)
    const blocks: Json[] = Array.isArray(content)
      ? content.map((block: Json | null) => block ?? {})
      : [{ type: 'text', text: content }]
    if (blocks.length === 0) return invalid(`messages.${at}: must have non-empty content`)
    const refusal = refusalOfBlocks(blocks, called, `messages.${at}.content`)
    if (refusal !== null) return refusal
    called = blocks.filter(({ type }) => type === 'tool_use').map((block) => (block as Json)['id'])
  }
  return null
}

/** `called`: the ids of what the message before called, each of which has to be answered now. */
function refusalOfBlocks(blocks: readonly Json[], called: unknown[], at: string) {
  const answered = blocks.filter(({ type }) => type === 'tool_result').map((b) => b['tool_use_id'])
  for (const [index, { type, text, signature }] of blocks.entries()) {
    if (!BLOCKS.has(String(type))) return invalid(`${at}.${index}: Input tag '${type}' is unknown`)
    if (type === 'text' && (typeof text !== 'string' || text === '')) {
      return invalid('messages: text content blocks must be non-empty')
    }
    if (type === 'thinking' && typeof signature !== 'string') {
      return invalid(`${at}.${index}.thinking.signature: Field required`)
    }
  }
  if (answered.some((id) => !called.includes(id)) || called.some((id) => !answered.includes(id))) {
    return invalid(`${at}: each tool_use must have its tool_result in the next message`)
  }
  return null
}

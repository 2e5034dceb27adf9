/**
 * What OpenAI refuses, in its words. The checks are those that a gateway can trip over: a member
 * of its own that it forgot to take out, `stream_options` on a call that is not streamed.
 * https://platform.openai.com/docs/guides/error-codes
 */
export type OpenAIError = {
  readonly status: number
  readonly message: string
  readonly type: string
  readonly param: string | null
  readonly code: string | null
}

export const errorJson = ({ message, type, param, code }: Omit<OpenAIError, 'status'>) => ({
  error: { message, type, param, code },
})

const invalid = (
  message: string,
  param: string | null = null,
  code: string | null = null,
): OpenAIError => ({ status: 400, message, type: 'invalid_request_error', param, code })

export const UNPARSABLE = invalid(
  "We could not parse the JSON body of your request. (HINT: This likely means you aren't using " +
    'your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was ' +
    'not valid JSON.)',
)

export const NO_KEY: OpenAIError = {
  ...invalid(
    "You didn't provide an API key. You need to provide your API key in an Authorization header " +
      'using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).',
  ),
  status: 401,
}

export const wrongKey = (key: string): OpenAIError => ({
  ...invalid(
    `Incorrect API key provided: ${key.slice(0, 8)}*****${key.slice(-4)}. You can find your API ` +
      'key at https://platform.openai.com/account/api-keys.',
    null,
    'invalid_api_key',
  ),
  status: 401,
})

export const noSuchModel = (model: string): OpenAIError => ({
  ...invalid(
    `The model \`${model}\` does not exist or you do not have access to it.`,
    null,
    'model_not_found',
  ),
  status: 404,
})

export const noSuchPath = (method: string, path: string): OpenAIError => ({
  ...invalid(`Invalid URL (${method} ${path})`),
  status: 404,
})

const RATE_LIMITED: OpenAIError = {
  status: 429,
  message:
    'Rate limit reached for gpt-4o-mini in organization org-tollgatedouble on requests per min ' +
    '(RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.',
  type: 'requests',
  param: null,
  code: 'rate_limit_exceeded',
}

const OVERLOADED: OpenAIError = {
  status: 503,
  message: 'The engine is currently overloaded, please try again later.',
  type: 'server_error',
  param: null,
  code: null,
}

const FAILED: OpenAIError = {
  status: 500,
  message: 'The server had an error while processing your request. Sorry about that!',
  type: 'server_error',
  param: null,
  code: null,
}

/** The error that goes with a status, for a test that only says which. */
export function errorOfStatus(status: number): OpenAIError {
  if (status === 401) return wrongKey('sk-wrong-0000')
  if (status === 404) return noSuchModel('gpt-gone')
  if (status === 429) return RATE_LIMITED
  if (status === 503) return OVERLOADED
  if (status >= 500) return { ...FAILED, status }
  return { ...invalid('Your request was refused.'), status }
}

/** Every parameter of a chat completion. https://platform.openai.com/docs/api-reference/chat/create */
const PARAMETERS = new Set(
  `messages model audio frequency_penalty function_call functions logit_bias logprobs
  max_completion_tokens max_tokens metadata modalities moderation n parallel_tool_calls prediction
  presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort
  response_format safety_identifier seed service_tier stop store stream stream_options temperature
  tool_choice tools top_logprobs top_p user verbosity web_search_options`.split(/\s+/),
)

/** Why OpenAI would refuse this body of a chat completion, or null. */
export function refusalOf(json: Readonly<Record<string, unknown>>): OpenAIError | null {
  const { model, messages, stream, stream_options: streamOptions } = json
  const unknown = Object.keys(json).find((name) => !PARAMETERS.has(name))
  if (unknown !== undefined) {
    return invalid(`Unknown parameter: '${unknown}'.`, unknown, 'unknown_parameter')
  }
  if (typeof model !== 'string' || model === '') {
    return invalid('you must provide a model parameter')
  }
  if (messages === undefined) {
    const message = "Missing required parameter: 'messages'."
    return invalid(message, 'messages', 'missing_required_parameter')
  }
  if (!Array.isArray(messages)) {
    const message = "Invalid type for 'messages': expected an array of objects."
    return invalid(message, 'messages', 'invalid_type')
  }
  if (messages.length === 0) {
    const message =
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an " +
      'empty array instead.'
    return invalid(message, 'messages', 'empty_array')
  }
  if (stream !== true && streamOptions !== undefined && streamOptions !== null) {
    const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    return invalid(message, 'stream_options')
  }
  return refusalOfCap(json)
}

function refusalOfCap(json: Readonly<Record<string, unknown>>): OpenAIError | null {
  const names = ['max_tokens', 'max_completion_tokens'].filter(
    (name) => (json[name] ?? null) !== null,
  )
  if (names.length === 2) {
    const message = `Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.`
    return invalid(message, 'max_tokens', 'invalid_parameter_combination')
  }
  const [name] = names
  if (name === undefined) return null
  const cap = json[name]
  if (!Number.isInteger(cap)) {
    return invalid(`Invalid type for '${name}': expected an integer.`, name, 'invalid_type')
  }
  if ((cap as number) < 1) {
    const message =
      `Invalid '${name}': integer below minimum value. Expected a value >= 1, but got ${cap} ` +
      'instead.'
    return invalid(message, name, 'integer_below_min_value')
  }
  return null
}

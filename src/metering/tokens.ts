import { textIn } from './odd-json.ts'
import { splitLongRuns } from './runs.ts'
import type { Json } from './wire.ts'

/** Counts the tokens of a text. May take time that is quadratic in a run without a break. */
export type Encode = (text: string) => number

/** About so many bytes of a text are a token, where it need not be counted. */
export const BYTES_PER_TOKEN = 4

/** What a text comes to. */
type Count = (text: string) => number

/**
 * OpenAI's published rule for what a chat adds to its texts
 * (https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken).
 */
const TOKENS_PER_MESSAGE = 3
const TOKENS_PER_NAME = 1
const TOKENS_TO_PRIME_ANSWER = 3

/**
 * OpenAI's published rule for images: 85 tokens, and unless the detail is `low` 170 for each tile
 * of 512 pixels, after the image was made to fit 2048 by 2048 and its shorter side 768
 * (https://platform.openai.com/docs/guides/images-vision#calculating-costs). The size is not
 * known here, so it is taken for the largest: 2048 by 768, which is eight tiles.
 */
const TOKENS_PER_IMAGE = 85
const TOKENS_PER_TILE = 170
const TILES_MAX = 8

/**
 * Sound is ten tokens a second: 4,800 bytes of the usual WAV (24 kHz, 16 bits) are a second's
 * tenth, or 1,600 of MP3 at 128 kbit/s. For documents nobody publishes a rule: a page of a PDF
 * makes about a thousand tokens, and is taken to have 64,000 bytes.
 */
const WAV_BYTES_PER_TOKEN = 4_800
const MP3_BYTES_PER_TOKEN = 1_600
const FILE_BYTES_PER_TOKEN = 64

/**
 * The tokens of a text. Exact but for texts with a run of hundreds of letters, or of signs and
 * spaces, without a break, which no language has: those are cut, and each cut may be off by one.
 */
export function countText(text: string, encode: Encode): number {
  let tokens = 0
  for (const part of splitLongRuns(text)) tokens += encode(part)
  return tokens
}

/** A prompt's texts, and the tokens that come on top of theirs. */
export type PromptTexts = { readonly texts: readonly string[]; readonly besides: number }

/**
 * What is to be counted of what a call asks, for upstreams that do not say: `messages` of a chat,
 * `prompt` of a completion, `input` of embeddings, `input` and `instructions` of a response. Close
 * to what is billed for plain text; tools and schemas are counted as the JSON they are sent as, a
 * little more than the models are shown.
 */
export function promptTexts(body: Json): PromptTexts {
  const texts: string[] = []
  const besides = tokensOf(body, (text) => {
    texts.push(text)
    return 0
  })
  return { texts, besides }
}

function tokensOf(body: Json, count: Count): number {
  let tokens = countInput(body['prompt'], count) + countInput(body['input'], count)
  if (Array.isArray(body['messages'])) {
    tokens += TOKENS_TO_PRIME_ANSWER
    for (const message of body['messages']) tokens += countMessage(objectOf(message), count)
  }
  tokens += countTexts([body['instructions'], body['system']], count)
  tokens += countParts(body['system'], count)
  const { json_schema: ofChat } = objectOf(body['response_format'])
  const { schema: ofResponse } = objectOf(objectOf(body['text'])['format'])
  const { schema: ofMessage } = objectOf(objectOf(body['output_config'])['format'])
  for (const given of [body['tools'], body['functions'], ofChat, ofResponse, ofMessage]) {
    if (typeof given === 'object' && given !== null) tokens += count(JSON.stringify(given))
  }
  return tokens
}

/** A text, tokens by number, an item of a response, or a list of any of them. */
function countInput(input: unknown, count: Count): number {
  if (typeof input === 'string') return count(input)
  if (typeof input === 'number') return 1
  if (!Array.isArray(input)) return countItem(objectOf(input), count)
  let tokens = 0
  for (const part of input) {
    const isTokens = Array.isArray(part)
    tokens += isTokens ? part.length : countInput(part, count)
  }
  return tokens
}

/** A message, a call of a tool or what came of it, as `/responses` takes them. */
function countItem(item: Json, count: Count): number {
  const { role, name, arguments: given, content, output } = item
  let tokens = role === undefined ? 0 : TOKENS_PER_MESSAGE
  tokens += countTexts([role, name, given, content, output], count)
  return tokens + countParts(content, count) + countParts(output, count)
}

function countMessage(message: Json, count: Count): number {
  let tokens = TOKENS_PER_MESSAGE + countTexts([message['role']], count)
  if (typeof message['name'] === 'string') tokens += TOKENS_PER_NAME + count(message['name'])
  tokens += countParts(message['content'], count)
  tokens += countTexts([message['content'], message['refusal']], count)
  const calls = Array.isArray(message['tool_calls']) ? message['tool_calls'] : []
  for (const call of [...calls, { function: message['function_call'] }]) {
    const asked = objectOf(objectOf(call)['function'])
    tokens += countTexts([asked['name'], asked['arguments']], count)
  }
  return tokens
}

function countParts(parts: unknown, count: Count): number {
  if (!Array.isArray(parts)) return 0
  let tokens = 0
  for (const part of parts) tokens += countPart(objectOf(part), count)
  return tokens
}

/** A part of a message: text, an image, sound, a file, or a block of Anthropic's. */
function countPart(part: Json, count: Count): number {
  const text = countTexts([part['text'], part['refusal']], count)
  if (part['image_url'] !== undefined) {
    const isLow = (objectOf(part['image_url'])['detail'] ?? part['detail']) === 'low'
    return text + TOKENS_PER_IMAGE + (isLow ? 0 : TILES_MAX * TOKENS_PER_TILE)
  }
  const block = BLOCKS.get(textIn(part['type']))
  if (block !== undefined) return text + block(part, count)
  const sound = objectOf(part['input_audio'])
  const bytesPerToken = sound['format'] === 'wav' ? WAV_BYTES_PER_TOKEN : MP3_BYTES_PER_TOKEN
  const soundTokens = Math.ceil(bytesOf(sound['data']) / bytesPerToken)
  const fileBytes = bytesOf(objectOf(part['file'] ?? part)['file_data'])
  return text + soundTokens + Math.ceil(fileBytes / FILE_BYTES_PER_TOKEN)
}

/** Anthropic's blocks that are not text alone (https://docs.claude.com/en/api/messages), by type. */
const BLOCKS: ReadonlyMap<string, (block: Json, count: Count) => number> = new Map(
  Object.entries<(block: Json, count: Count) => number>({
    image: ({ source }) =>
      source === undefined ? 0 : TOKENS_PER_IMAGE + TILES_MAX * TOKENS_PER_TILE,
    document({ source, title }, count) {
      const { type, data, content } = objectOf(source)
      const text = countTexts([title, content, type === 'text' ? data : undefined], count)
      const fileBytes = type === 'base64' ? bytesOf(data) : 0
      return text + countParts(content, count) + Math.ceil(fileBytes / FILE_BYTES_PER_TOKEN)
    },
    thinking: ({ thinking }, count) => countTexts([thinking], count),
    tool_use: ({ name, input }, count) => countTexts([name, JSON.stringify(input)], count),
    tool_result: ({ content }, count) => countTexts([content], count) + countParts(content, count),
  }),
)

function countTexts(texts: readonly unknown[], count: Count): number {
  let tokens = 0
  for (const text of texts) if (typeof text === 'string') tokens += count(text)
  return tokens
}

/** How many bytes a text in base64 stands for. */
const bytesOf = (base64: unknown): number =>
  typeof base64 === 'string' ? Math.floor((base64.length * 3) / 4) : 0

const objectOf = (json: unknown): Json =>
  typeof json === 'object' && json !== null ? (json as Json) : {}

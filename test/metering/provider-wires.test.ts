import { describe, expect, test } from 'bun:test'
import { Buffer } from 'node:buffer'
import { fromDollars } from '../../src/ledger/money.ts'
import { CHAT_WIRE } from '../../src/metering/chat-wire.ts'
import { ChunkReader } from '../../src/metering/chunks.ts'
import { costOf } from '../../src/metering/cost.ts'
import { type Rates, ratesWith } from '../../src/metering/price.ts'
import { RESPONSES_WIRE } from '../../src/metering/responses-wire.ts'
import { NO_USAGE, type Usage, usageFromOpenAI } from '../../src/metering/usage.ts'

/** What providers were recorded to say, where it is not just what OpenAI says. */

const kinds = (used: Partial<Usage>): Usage => ({ ...NO_USAGE, ...used })

/** Nano-dollars, of rates in dollars a million tokens. */
function nanosOf(usage: Usage, dollars: Partial<Rates> & Pick<Rates, 'input' | 'output'>): number {
  const rates = Object.entries(dollars).map(([kind, rate]) => [kind, fromDollars(rate as number)])
  return costOf(usage, { rates: ratesWith(Object.fromEntries(rates)), tiers: [], source: 'test' })
}

const dollars = (rates: Partial<Record<keyof Usage, number>>) =>
  rates as Partial<Rates> & Pick<Rates, 'input' | 'output'>

/** Reads a stream for a client that did not ask for the usage: what is told, and what it gets. */
function readStream(...chunks: readonly string[]) {
  const stream = [...chunks, '[DONE]'].map((data) => `data: ${data}\n\n`).join('')
  const reader = new ChunkReader({
    wire: CHAT_WIRE.stream!,
    hideUsage: true,
    cleanError: (json) => json,
  })
  const { pass, end } = reader.read(Buffer.from(stream))
  const passed = Buffer.concat([pass, end ?? new Uint8Array()]).toString()
  const ending = Buffer.from(reader.endAtCap(reader.place(), null)).toString()
  const count = passed.split('\n\n').filter((event) => event.startsWith('data: {')).length
  return { usage: reader.usage(), text: reader.delivered(), passed, ending, count }
}

describe('Azure', () => {
  // https://github.com/microsoft/autogen/issues/6465, with annotations turned on.
  const safe = '{"hate":{"filtered":false,"severity":"safe"}}'
  const prompt = `{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":${safe}}],"usage":null}`
  const delta = `{"choices":[{"content_filter_results":${safe},"delta":{"content":"This"},"finish_reason":null,"index":0,"logprobs":null}],"created":1736407895,"id":"chatcmpl-AnhIt2rw8vL8czymkCwEOKKTg7HPc","model":"gpt-4o-mini-2024-07-18","object":"chat.completion.chunk","system_fingerprint":"fp_5154047bf2","usage":null}`
  const later = `{"id":"","object":"","created":0,"model":"","choices":[{"index":0,"finish_reason":null,"content_filter_results":${safe},"content_filter_offsets":{"check_offset":44,"start_offset":44,"end_offset":198}}],"usage":null}`
  const last = `{"choices":[],"created":1736407895,"id":"chatcmpl-AnhIt2rw8vL8czymkCwEOKKTg7HPc","model":"gpt-4o-mini-2024-07-18","object":"chat.completion.chunk","system_fingerprint":"fp_5154047bf2","usage":{"completion_tokens":7,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0},"prompt_tokens":14,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0},"total_tokens":21}}`
  const read = readStream(prompt, delta, later, last)

  test("tells of its filters in chunks that the client gets, and are not the usage's", () => {
    expect(read.usage).toEqual(kinds({ input: 14, output: 7 }))
    expect(read.text).toBe('This')
    expect(read.count).toBe(3)
    expect(read.passed).toContain('prompt_filter_results')
    expect(read.passed).toContain('content_filter_offsets')
  })

  test('whose first chunk has no id, has the id of the others on an end of ours', () => {
    expect(read.ending).toContain('"id":"chatcmpl-AnhIt2rw8vL8czymkCwEOKKTg7HPc"')
    expect(read.ending).not.toContain('prompt_filter_results')
  })
})

test('Groq, who was not asked, has the usage in x_groq', () => {
  const { usage, count } = readStream(
    '{"id":"chatcmpl-e7f8e220-656c-4455-a132-dacfc1370798","object":"chat.completion.chunk","created":1729171479,"model":"gemma2-9b-it","system_fingerprint":"fp_3bc1b5746c","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}],"x_groq":{"id":"req_01jadadp0femyae9kav1gpkhe8"}}',
    '{"id":"chatcmpl-e7f8e220-656c-4455-a132-dacfc1370798","object":"chat.completion.chunk","created":1729171479,"model":"gemma2-9b-it","system_fingerprint":"fp_10c08bf97d","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}],"x_groq":{"id":"req_01jadadp0femyae9kav1gpkhe8","usage":{"queue_time":0.061348671,"prompt_tokens":18,"prompt_time":0.000211569,"completion_tokens":439,"completion_time":0.798181818,"total_tokens":457,"total_time":0.798393387}}}',
  )
  expect(usage).toEqual(kinds({ input: 18, output: 439 }))
  expect(count).toBe(2)
})

test('Moonshot has the usage in the last choice', () => {
  const { usage, count } = readStream(
    '{"id":"chatcmpl-67c96964971a7a505b6ff17a","object":"chat.completion.chunk","created":1741252964,"model":"moonshot-v1-8k","choices":[{"index":0,"delta":{"content":"。"},"finish_reason":null}],"system_fingerprint":"fpv0_ca1d2527"}',
    '{"id":"chatcmpl-67c96964971a7a505b6ff17a","object":"chat.completion.chunk","created":1741252964,"model":"moonshot-v1-8k","choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":39,"completion_tokens":211,"total_tokens":250}}],"system_fingerprint":"fpv0_ca1d2527"}',
  )
  expect(usage).toEqual(kinds({ input: 39, output: 211 }))
  expect(count).toBe(2)
})

test('DeepSeek has it on the last chunk, with the cache in names of its own', () => {
  const { usage, count } = readStream(
    '{"id":"1","object":"chat.completion.chunk","created":1755000000,"model":"deepseek-reasoner","system_fingerprint":"fp_ffc7281d48_prod0820_fp8_kvcache","choices":[{"index":0,"delta":{"content":"","reasoning_content":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":128,"total_tokens":138,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":94},"prompt_cache_hit_tokens":0,"prompt_cache_miss_tokens":10}}',
  )
  expect(usage).toEqual(kinds({ input: 10, output: 34, reasoning: 94 }))
  expect(count).toBe(1)
})

describe('a server of one’s own', () => {
  test('Ollama, asked, has a chunk for it as OpenAI has', () => {
    const { usage, count } = readStream(
      '{"id":"chatcmpl-953","object":"chat.completion.chunk","created":1777933209,"model":"qwen2.5:0.5b","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]}',
      '{"id":"chatcmpl-953","object":"chat.completion.chunk","created":1777933209,"model":"qwen2.5:0.5b","system_fingerprint":"fp_ollama","choices":[],"usage":{"prompt_tokens":32,"completion_tokens":4,"total_tokens":36}}',
    )
    expect(usage).toEqual(kinds({ input: 32, output: 4 }))
    expect(count).toBe(1)
  })

  // A row is an answer in one piece.
  test.each<[string, string, Partial<Usage>]>([
    [
      'llama.cpp, with timings beside it',
      '{"choices":[{"finish_reason":"length","index":0,"message":{"role":"assistant","content":"Hi"}}],"model":"Qwen3.8-27B-UD-Q2_K_XL","object":"chat.completion","usage":{"completion_tokens":4,"prompt_tokens":13,"total_tokens":17,"prompt_tokens_details":{"cached_tokens":0}},"timings":{"cache_n":0,"prompt_n":13,"prompt_ms":250.368,"prompt_per_token_ms":19.259,"predicted_n":4,"predicted_ms":165.636}}',
      { input: 13, output: 4 },
    ],
    [
      'vLLM, with details that are null',
      '{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"The capital of France is Paris.","tool_calls":[],"reasoning_content":null},"logprobs":null,"finish_reason":"stop","stop_reason":null}],"service_tier":null,"usage":{"prompt_tokens":36,"total_tokens":44,"completion_tokens":8,"prompt_tokens_details":null},"prompt_logprobs":null,"kv_transfer_params":null}',
      { input: 36, output: 8 },
    ],
    [
      'LM Studio, with stats beside it',
      '{"id":"chatcmpl-1","object":"chat.completion","model":"granite-3.0-2b-instruct","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"…"}}],"usage":{"prompt_tokens":24,"completion_tokens":53,"total_tokens":77},"stats":{"tokens_per_second":51.43709529007664,"time_to_first_token":0.111,"generation_time":0.954,"stop_reason":"eosFound"},"model_info":{"arch":"granite","quant":"Q4_K_M","format":"gguf","context_length":4096}}',
      { input: 24, output: 53 },
    ],
    [
      'Groq, with times among the counts',
      '{"id":"chatcmpl-groq","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"The answer is 4."},"finish_reason":"stop"}],"usage":{"queue_time":0.630466235,"prompt_tokens":13,"prompt_time":0.002560199,"completion_tokens":7,"completion_time":0.013977272,"total_tokens":20,"total_time":0.016537471},"usage_breakdown":{"models":null},"x_groq":{"id":"req_01jvfy6n35ek69jhnc5ja1hhyx"}}',
      { input: 13, output: 7 },
    ],
  ])('%s', (_, answer, used) => {
    expect(CHAT_WIRE.usageOf(JSON.parse(answer))).toEqual(kinds(used))
  })
})

/** Those that say what they charge themselves: usage times price is that, to the nano-dollar. */
describe('what a provider says that it charges is what it comes to', () => {
  test('OpenRouter: cached inside of prompt, reasoning inside of completion', () => {
    const usage = usageFromOpenAI(
      JSON.parse(
        '{"prompt_tokens":43958,"completion_tokens":11105,"total_tokens":55063,"cost":0.154354,"is_byok":false,"prompt_tokens_details":{"cached_tokens":128,"cache_write_tokens":0,"audio_tokens":0,"video_tokens":0},"cost_details":{"upstream_inference_cost":0.154354,"upstream_inference_prompt_cost":0.087724,"upstream_inference_completions_cost":0.06663},"completion_tokens_details":{"reasoning_tokens":6649,"image_tokens":0,"audio_tokens":0}}',
      ),
    )!
    expect(usage).toEqual(
      kinds({ input: 43_830, cachedInput: 128, output: 4_456, reasoning: 6_649 }),
    )
    // 43,830 x $2 + 128 x $0.5 + (4,456 + 6,649) x $6, a million: 0.087724 + 0.06663.
    const price = dollars({ input: 2, cachedInput: 0.5, output: 6 })
    expect(nanosOf(usage, price)).toBe(154_354_000)
  })

  test('OpenRouter: more reasoning than completion is not charged beside it', () => {
    const usage = usageFromOpenAI(
      JSON.parse(
        '{"prompt_tokens":7448,"completion_tokens":2567,"total_tokens":10015,"cost":0.00158142,"is_byok":false,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0,"audio_tokens":0},"cost_details":{"upstream_inference_cost":0.00158142,"upstream_inference_prompt_cost":0.00029792,"upstream_inference_completions_cost":0.0012835},"completion_tokens_details":{"reasoning_tokens":2590,"image_tokens":0}}',
      ),
    )!
    expect(usage).toEqual(kinds({ input: 7_448, reasoning: 2_567 }))
    // 7,448 x $0.04 + 2,567 x $0.5, a million: 0.00029792 + 0.0012835.
    expect(nanosOf(usage, dollars({ input: 0.04, output: 0.5 }))).toBe(1_581_420)
  })

  test('xAI: cached inside of prompt, at its own price', () => {
    // https://docs.x.ai/docs/key-information/consumption-and-rate-limits, for grok-4-1-fast.
    const usage = usageFromOpenAI(
      JSON.parse(
        '{"prompt_tokens":199,"completion_tokens":1,"total_tokens":200,"prompt_tokens_details":{"text_tokens":199,"audio_tokens":0,"image_tokens":0,"cached_tokens":163},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0},"num_sources_used":0,"cost_in_usd_ticks":158500}',
      ),
    )!
    expect(usage).toEqual(kinds({ input: 36, cachedInput: 163, output: 1 }))
    // 36 x $0.2 + 163 x $0.05 + 1 x $0.5, a million; a tick is a tenth of a nano-dollar.
    const price = dollars({ input: 0.2, cachedInput: 0.05, output: 0.5 })
    expect(nanosOf(usage, price)).toBe(158_500 / 10)
  })

  test('xAI, a response: reasoning inside of output', () => {
    const usage = RESPONSES_WIRE.usageOf({
      usage: JSON.parse(
        '{"input_tokens":35683,"input_tokens_details":{"cached_tokens":832},"output_tokens":1176,"output_tokens_details":{"reasoning_tokens":731},"total_tokens":36859,"num_sources_used":0,"num_server_side_tools_used":0}',
      ),
    })
    expect(usage).toEqual(kinds({ input: 34_851, cachedInput: 832, output: 445, reasoning: 731 }))
  })

  test('Perplexity: citations and reasoning beside all the rest', () => {
    const usage = usageFromOpenAI(
      JSON.parse(
        '{"prompt_tokens":33,"completion_tokens":11395,"total_tokens":11428,"citation_tokens":19028,"num_search_queries":21,"reasoning_tokens":193947,"cost":{"input_tokens_cost":0.0,"output_tokens_cost":0.091,"citation_tokens_cost":0.038,"reasoning_tokens_cost":0.582,"search_queries_cost":0.105,"total_cost":0.816}}',
      ),
    )!
    expect(usage).toEqual(kinds({ input: 19_061, output: 11_395, reasoning: 193_947 }))
    // (33 + 19,028) x $2 + 11,395 x $8 + 193,947 x $3, a million; its 21 searches are not tokens.
    expect(nanosOf(usage, dollars({ input: 2, output: 8, reasoning: 3 }))).toBe(711_123_000)
  })

  test('Perplexity, a plain answer: its nulls are nothing', () => {
    const usage = usageFromOpenAI(
      JSON.parse(
        '{"completion_tokens":1645,"cost":{"input_tokens_cost":6e-05,"output_tokens_cost":0.02467,"total_cost":0.03073,"citation_tokens_cost":null,"reasoning_tokens_cost":null,"request_cost":0.006,"search_queries_cost":null},"prompt_tokens":20,"total_tokens":1665,"citation_tokens":null,"num_search_queries":null,"reasoning_tokens":null,"search_context_size":"low"}',
      ),
    )!
    expect(usage).toEqual(kinds({ input: 20, output: 1_645 }))
    // 20 x $3 + 1,645 x $15, a million: 0.00006 + 0.024675; the request itself is not tokens.
    expect(nanosOf(usage, dollars({ input: 3, output: 15 }))).toBe(24_735_000)
  })
})

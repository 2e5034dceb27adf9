import { type Asked, completionOf, idOf } from './completion.ts'
import type { Script } from './script.ts'
import type { Piece, Tokens } from './wire.ts'

/**
 * Anthropic's wire format of messages (https://docs.claude.com/en/api/messages and
 * https://docs.claude.com/en/docs/build-with-claude/streaming): pure, from what is said to its JSON.
 */
export type AnthropicScript = Script & {
  /** Thought before it is said; a token a word. */
  readonly thinking?: string
  /** Of the tokens that were written to a cache, in an hour's. */
  readonly cacheWriteHour?: number
}

type Json = Readonly<Record<string, unknown>>

/** A block, and the deltas that it comes in. */
type Block = { readonly start: Json; readonly deltas: readonly Json[]; readonly whole: Json }

const SIGNATURE = 'EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds'

/** What is said, as blocks, why it ends, and what it took. */
function said(asked: Asked, script: AnthropicScript) {
  const { completion, tokens: counted } = completionOf(asked, script)
  const reasoning = script.thinking?.match(/\S+/g)?.length ?? 0
  const tokens = { ...counted, reasoning, ...script.tokens }
  const { pieces, finish } = completion
  const stop = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use' }[finish as 'stop']
  return {
    id: `msg_${idOf(asked.number)}`,
    model: completion.model,
    blocks: [...thoughts(script.thinking), ...texts(pieces), ...calls(pieces)],
    stop: stop ?? 'refusal',
    tokens,
  }
}

const thoughts = (thinking: string | undefined): Block[] =>
  thinking === undefined
    ? []
    : [
        {
          start: { type: 'thinking', thinking: '', signature: '' },
          deltas: [
            ...(thinking.match(/\s*\S+/g) ?? []).map((part) => ({
              type: 'thinking_delta',
              thinking: part,
            })),
            { type: 'signature_delta', signature: SIGNATURE },
          ],
          whole: { type: 'thinking', thinking, signature: SIGNATURE },
        },
      ]

function texts(pieces: readonly Piece[]): Block[] {
  const parts = pieces.flatMap((piece) => (piece.kind === 'text' ? [piece.text] : []))
  if (parts.length === 0) return []
  return [
    {
      start: { type: 'text', text: '' },
      deltas: parts.map((text) => ({ type: 'text_delta', text })),
      whole: { type: 'text', text: parts.join('') },
    },
  ]
}

const calls = (pieces: readonly Piece[]): Block[] =>
  pieces.flatMap((piece) => {
    if (piece.kind !== 'tool') return []
    const id = piece.id.replace('call_', 'toolu_')
    const parts = pieces.flatMap((part) =>
      part.kind === 'arguments' && part.index === piece.index ? [part.text] : [],
    )
    const start = { type: 'tool_use', id, name: piece.name, input: {} }
    return [
      {
        start,
        deltas: ['', ...parts].map((part) => ({ type: 'input_json_delta', partial_json: part })),
        whole: { ...start, input: JSON.parse(parts.join('') || '{}') },
      },
    ]
  })

/** `input_tokens` is without what was read from a cache or written to one. */
export function usageJson(tokens: Tokens, hour: number) {
  return {
    input_tokens: tokens.input,
    cache_creation_input_tokens: tokens.cacheWrite + hour,
    cache_read_input_tokens: tokens.cachedInput,
    cache_creation: {
      ephemeral_5m_input_tokens: tokens.cacheWrite,
      ephemeral_1h_input_tokens: hour,
    },
    output_tokens: tokens.output + tokens.reasoning,
    service_tier: 'standard',
    inference_geo: 'not_available',
  }
}

const usageOf = (script: AnthropicScript, truth: Json): Json => {
  if (!('usage' in script)) return { usage: truth }
  return script.usage === 'absent' ? {} : { usage: script.usage }
}

export function messageJson(asked: Asked, script: AnthropicScript): Json {
  const { id, model, blocks, stop, tokens } = said(asked, script)
  return {
    model,
    id,
    type: 'message',
    role: 'assistant',
    content: blocks.map(({ whole }) => whole),
    stop_reason: stop,
    stop_sequence: null,
    ...usageOf(script, usageJson(tokens, script.cacheWriteHour ?? 0)),
  }
}

/**
 * The events of a stream, each as it is sent: the message, its blocks with a ping after the first
 * has begun, what changed of the message, its end.
 */
export function messageEvents(asked: Asked, script: AnthropicScript): Uint8Array[] {
  const { id, model, blocks, stop, tokens } = said(asked, script)
  const truth = usageJson(tokens, script.cacheWriteHour ?? 0)
  const first = { ...truth, output_tokens: 1 }
  const { cache_creation, service_tier, inference_geo, ...last } = truth
  const isUntold = script.usage === 'absent'
  const message = {
    model,
    id,
    type: 'message',
    role: 'assistant',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    ...(isUntold ? {} : { usage: first }),
  }
  const events: Json[] = [
    { type: 'message_start', message },
    ...blocks.flatMap(({ start, deltas }, index) => [
      { type: 'content_block_start', index, content_block: start },
      ...(index === 0 ? [{ type: 'ping' }] : []),
      ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ]),
    {
      type: 'message_delta',
      delta: { stop_reason: stop, stop_sequence: null },
      ...usageOf(script, last),
    },
    { type: 'message_stop' },
  ]
  const failed = script.errorAfter
  if (failed !== undefined) {
    const error = { type: 'overloaded_error', message: 'Overloaded' }
    events.splice(failed.events, events.length, { type: 'error', error })
  }
  return events.map((event) =>
    Buffer.from(`event: ${event['type']}\ndata: ${JSON.stringify(event)}\n\n`),
  )
}

import { type Said, type Shape, textOf } from './demo-shapes.ts'

/** How the demo says what it says in Anthropic's wire format. */

type Json = Readonly<Record<string, unknown>>

const MESSAGES: Shape = {
  asked: ({ system, messages }) => [
    ...(system === undefined ? [] : [textOf({ content: system })]),
    ...(Array.isArray(messages) ? messages.map(textOf) : []),
  ],
  whole: (said) => ({
    ...messageOf(said),
    content: [{ type: 'text', text: said.words.join('') }],
    stop_reason: stopOf(said),
    usage: usageOf(said, said.words.length),
  }),
  events(said) {
    const message = { ...messageOf(said), content: [], stop_reason: null, usage: usageOf(said, 1) }
    const events: Json[] = [
      { type: 'message_start', message },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      ...said.words.map((text) => ({
        type: 'content_block_delta',
        index: 0,
        delta: { type: 'text_delta', text },
      })),
      { type: 'content_block_stop', index: 0 },
      {
        type: 'message_delta',
        delta: { stop_reason: stopOf(said), stop_sequence: null },
        usage: { output_tokens: said.words.length },
      },
      { type: 'message_stop' },
    ]
    return events.map((event) => `event: ${event['type']}\ndata: ${JSON.stringify(event)}\n\n`)
  },
}

const messageOf = ({ id, model }: Said): Json => ({
  id: `msg_${id}`,
  type: 'message',
  role: 'assistant',
  model,
  stop_sequence: null,
})

const stopOf = ({ isCut }: Said): string => (isCut ? 'max_tokens' : 'end_turn')

const usageOf = ({ input }: Said, output: number): Json => ({
  input_tokens: input,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: output,
})

const COUNT_TOKENS: Shape = {
  asked: MESSAGES.asked,
  whole: ({ input }) => ({ input_tokens: input }),
}

export const ANTHROPIC_SHAPES: Readonly<Record<string, Shape>> = {
  '/messages': MESSAGES,
  '/messages/count_tokens': COUNT_TOKENS,
}

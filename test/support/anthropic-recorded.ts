/**
 * Streams of Anthropic's, as its documentation shows them
 * (https://docs.claude.com/en/docs/build-with-claude/streaming).
 */
const events = (...pairs: readonly (readonly [name: string, data: string])[]): string =>
  pairs.map(([name, data]) => `event: ${name}\ndata: ${data}\n\n`).join('')

const delta = (index: number, json: string) =>
  [
    'content_block_delta',
    `{"type":"content_block_delta","index":${index},"delta":${json}}`,
  ] as const
const stop = (index: number) =>
  ['content_block_stop', `{"type":"content_block_stop","index":${index}}`] as const
const END = ['message_stop', '{"type":"message_stop"}'] as const

/** "Basic streaming request". */
export const HELLO = events(
  [
    'message_start',
    '{"type": "message_start", "message": {"id": "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY", "type": "message", "role": "assistant", "content": [], "model": "claude-sonnet-4-5-20250929", "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 25, "output_tokens": 1}}}',
  ],
  [
    'content_block_start',
    '{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}',
  ],
  ['ping', '{"type": "ping"}'],
  delta(0, '{"type": "text_delta", "text": "Hello"}'),
  delta(0, '{"type": "text_delta", "text": "!"}'),
  ['content_block_stop', '{"type": "content_block_stop", "index": 0}'],
  [
    'message_delta',
    '{"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence":null}, "usage": {"output_tokens": 15}}',
  ],
  ['message_stop', '{"type": "message_stop"}'],
)

/** "Streaming request with tool use". */
export const TOOL = events(
  [
    'message_start',
    '{"type":"message_start","message":{"id":"msg_014p7gG3wDgGV9EUtLvnow3U","type":"message","role":"assistant","model":"claude-3-haiku-20240307","stop_sequence":null,"usage":{"input_tokens":472,"output_tokens":2},"content":[],"stop_reason":null}}',
  ],
  [
    'content_block_start',
    '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
  ],
  ['ping', '{"type": "ping"}'],
  delta(0, '{"type":"text_delta","text":"Okay, let\'s check the weather"}'),
  delta(0, '{"type":"text_delta","text":" for San Francisco, CA:"}'),
  stop(0),
  [
    'content_block_start',
    '{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_01T1x1fJ34qAmk2tNTrN7Up6","name":"get_weather","input":{}}}',
  ],
  delta(1, '{"type":"input_json_delta","partial_json":""}'),
  delta(1, '{"type":"input_json_delta","partial_json":"{\\"location\\":"}'),
  delta(1, '{"type":"input_json_delta","partial_json":" \\"San"}'),
  delta(1, '{"type":"input_json_delta","partial_json":" Francisco, CA\\""}'),
  delta(1, '{"type":"input_json_delta","partial_json":", \\"unit\\": \\"fahrenheit\\"}"}'),
  stop(1),
  [
    'message_delta',
    '{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":89}}',
  ],
  END,
)

/** "Streaming request with extended thinking". */
export const THOUGHT = events(
  [
    'message_start',
    '{"type": "message_start", "message": {"id": "msg_01", "type": "message", "role": "assistant", "content": [], "model": "claude-sonnet-4-5-20250929", "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 44, "output_tokens": 1}}}',
  ],
  [
    'content_block_start',
    '{"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}',
  ],
  delta(0, '{"type": "thinking_delta", "thinking": "Let me solve this step by step:"}'),
  delta(0, '{"type": "thinking_delta", "thinking": "\\n\\n1. First break down 27 * 453"}'),
  delta(
    0,
    '{"type": "signature_delta", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds..."}',
  ),
  stop(0),
  [
    'content_block_start',
    '{"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}',
  ],
  delta(1, '{"type": "text_delta", "text": "27 * 453 = 12,231"}'),
  stop(1),
  [
    'message_delta',
    '{"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 190}}',
  ],
  END,
)

/** With all of today's usage: caches by time in the first event, cumulative counts in the last. */
export const CACHED = events(
  [
    'message_start',
    '{"type":"message_start","message":{"model":"claude-haiku-4-5-20251001","id":"msg_01UodR8c3ezAK8rAfi8HAs8g","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":3,"cache_creation_input_tokens":248,"cache_read_input_tokens":1800,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":148},"output_tokens":2,"service_tier":"standard","inference_geo":"not_available"}}}',
  ],
  [
    'content_block_start',
    '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
  ],
  ['ping', '{"type": "ping"}'],
  delta(0, '{"type":"text_delta","text":"Hi."}'),
  stop(0),
  [
    'message_delta',
    '{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"stop_details":null},"usage":{"input_tokens":3,"cache_creation_input_tokens":248,"cache_read_input_tokens":1800,"output_tokens":5}}',
  ],
  END,
)

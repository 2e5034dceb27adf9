import { Gate } from './gate.ts'
import type { Script } from './script.ts'

/** Of "Say hello", as the tokenizer counts a message; the double counts six. */
const PROMPT = 9

const never = (): Gate => new Gate()

/** A way in which an upstream misbehaves, and what is told and charged then. */
export type Fault = {
  readonly what: string
  readonly script: Script
  /** A call in one piece. Null: there is no such fault for it. */
  readonly plain: {
    readonly status: number
    readonly type?: string
    readonly says: RegExp
    /** Nothing unless it is said. */
    readonly usage?: object
  } | null
  /**
   * A streamed call. With a status of 200 `says` is found in its last event, and the usage is what
   * it is charged for.
   */
  readonly stream: {
    readonly status: number
    readonly says: RegExp
    readonly usage?: object
  } | null
}

const same = (status: number, says: RegExp) => ({
  plain: { status, says },
  stream: { status, says },
})

export const counted = (output: number) => ({ usage_source: 'estimated', input: PROMPT, output })
export const isNothing = { usage_source: 'none', input: 0, output: 0, charge: 0 }
const BROKE = /broke off its answer/

/** The matrix of the README: each row a way in which an upstream misbehaves. */
export const FAULTS: readonly Fault[] = [
  { what: 'answers 400 with JSON', script: { status: 400 }, ...same(400, /answered 400: /) },
  { what: 'answers 401 with JSON', script: { status: 401 }, ...same(401, /answered 401: /) },
  { what: 'answers 429 with JSON', script: { status: 429 }, ...same(429, /answered 429: /) },
  { what: 'answers 500 with JSON', script: { status: 500 }, ...same(500, /answered 500: /) },
  {
    what: 'answers 502 with HTML',
    script: { status: 502, body: '<h1>Bad gateway</h1>' },
    ...same(502, /answered 502\.$/),
  },
  { what: 'answers 503 with nothing', script: { status: 503, body: '' }, ...same(503, /503\.$/) },
  {
    what: 'answers 500 with a megabyte',
    script: { status: 500, body: 'x'.repeat(1_000_000) },
    ...same(500, /answered 500\.$/),
  },
  {
    what: 'answers 500 and never ends',
    script: { status: 500, holds: [{ gate: never(), at: { bytes: 9 } }] },
    ...same(504, /sent nothing for 0\.4 s/),
  },
  { what: 'answers 999', script: { status: 999, body: '' }, ...same(502, /answered 999\.$/) },
  { what: 'answers 204', script: { status: 204, body: '' }, ...same(502, /whole JSON/) },
  { what: 'never answers', script: { isSilent: true }, ...same(504, /sent nothing for 0\.4 s/) },
  {
    what: 'dies before it answers',
    script: { dies: { after: { bytes: 0 } } },
    plain: { status: 502, says: /whole JSON|cannot be reached/ },
    stream: { status: 200, says: BROKE },
  },
  {
    what: 'dies in its answer',
    script: { deltas: 9, dies: { after: { bytes: 300 } } },
    plain: { status: 502, says: /whole JSON/ },
    stream: { status: 200, says: BROKE },
  },
  {
    what: 'dies after some words',
    script: { deltas: 9, dies: { after: { events: 4 } } },
    plain: null,
    // How much of it comes through before the death is the network's: what did is charged.
    stream: { status: 200, says: BROKE },
  },
  {
    what: 'dies in its answer, with a reset',
    script: { deltas: 9, dies: { after: { events: 4 }, how: 'reset' } },
    plain: null,
    stream: { status: 200, says: BROKE },
  },
  {
    what: 'falls silent in its answer',
    script: { deltas: 9, holds: [{ gate: never(), at: { events: 3 } }] },
    plain: null,
    stream: { status: 200, says: /sent nothing for 0\.3 s/, usage: counted(2) },
  },
  {
    what: 'falls silent in its JSON',
    script: { holds: [{ gate: never(), at: { bytes: 100 } }] },
    plain: { status: 504, type: 'timeout_error', says: /sent nothing for 0\.3 s/ },
    stream: null,
  },
  {
    what: 'goes on for ever',
    script: { deltas: 500, paceMs: 20 },
    plain: null,
    stream: { status: 200, says: /was not done after 1\.5 s/ },
  },
  {
    what: 'answers HTML with status 200',
    script: { body: '<h1>hello</h1>' },
    plain: { status: 502, says: /whole JSON/ },
    stream: { status: 200, says: BROKE },
  },
  {
    what: 'answers JSON that is cut off',
    script: { body: '{"id":"x","choices":[{"message":{"content":"Hel' },
    plain: { status: 502, says: /whole JSON/ },
    stream: null,
  },
  {
    what: 'answers {}',
    script: { body: '{}' },
    plain: { status: 502, says: /whole JSON/ },
    stream: null,
  },
  {
    what: 'answers an error with status 200',
    script: { body: '{"error":{"message":"No capacity","type":"capacity","code":503}}' },
    plain: { status: 502, type: 'capacity', says: /answered with an error: No capacity/ },
    stream: null,
  },
  {
    what: 'sends an empty stream',
    script: { body: '' },
    plain: null,
    stream: { status: 200, says: BROKE },
  },
  {
    what: 'sends events that are no JSON, and then the rest',
    script: {
      body:
        'data: {"choices":[{"index":0,"delta":{"content":"Word"}}]}\n\n' +
        'data: {"choices":[{"ind\n\nevent\n\n:\n\ndata\n\n\ndata: nonsense\n\n' +
        'data: {"choices":[{"index":0,"delta":{"content":" word"}}]}\n\ndata: [DONE]\n\n',
    },
    plain: null,
    stream: { status: 200, says: /^\[DONE\]$/, usage: counted(2) },
  },
  {
    what: 'sends an error in its stream at once',
    script: { errorAfter: { events: 0 } },
    plain: null,
    stream: { status: 200, says: /server had an error/ },
  },
  {
    what: 'sends an error in its stream after some words',
    script: { deltas: 9, errorAfter: { events: 4 } },
    plain: null,
    stream: { status: 200, says: /server had an error/, usage: counted(3) },
  },
]

import { openaiUsage, streamedUsage } from '../../metering/anthropic-usage.ts'
import { textIn } from '../../metering/odd-json.ts'
import { objectOf } from '../../metering/usage.ts'
import { eventText, type Json } from '../../metering/wire.ts'
import { finishOf, isThought, refusalOf } from './answer.ts'

/** A block of content under way. */
type Block = {
  readonly start: Json
  /** Place among the calls of tools, which OpenAI numbers by themselves; -1: it is none. */
  readonly call: number
  /** What came of it, for blocks that are given whole when they end. */
  text: string
  signature: string
}

/**
 * Turns the events of a stream of `/messages` into the chunks of one of `/chat/completions`, one by
 * one (https://docs.claude.com/en/docs/build-with-claude/streaming). Pings become comments, which
 * show whoever waits that the upstream is alive. A thought comes as it is thought in
 * `reasoning_content`, and once more with its signature in `thinking_blocks` when it is whole.
 */
export class ChunkMaker {
  /** Seconds. */
  readonly #created: number
  #message: Json = {}
  #calls = 0
  readonly #blocks = new Map<unknown, Block>()

  constructor(created: number) {
    this.#created = created
  }

  /** What the client gets for an event; empty: nothing. `event` is what it carries. */
  next(event: Json): string {
    switch (event['type']) {
      case 'message_start':
        this.#message = objectOf(event['message'])
        return this.#chunk({ role: 'assistant', content: '', refusal: null })
      case 'content_block_start':
        return this.#begin(event['index'], objectOf(event['content_block']))
      case 'content_block_delta':
        return this.#goOn(this.#blocks.get(event['index']), objectOf(event['delta']))
      case 'content_block_stop':
        return this.#complete(event['index'])
      case 'message_delta':
        return this.#finish(objectOf(event['delta']), event['usage'])
      case 'message_stop':
        return 'data: [DONE]\n\n'
      case 'ping':
        return ': ping\n\n'
      case 'error':
        return eventText(null, { error: event['error'] })
      default:
        return event['type'] === undefined ? eventText(null, event) : ''
    }
  }

  #begin(index: unknown, start: Json): string {
    const isCall = start['type'] === 'tool_use'
    const call = isCall ? this.#calls++ : -1
    this.#blocks.set(index, { start, call, text: '', signature: '' })
    if (isCall) {
      const { id, name } = start
      const asked = { name, arguments: '' }
      return this.#chunk({ tool_calls: [{ index: call, id, type: 'function', function: asked }] })
    }
    return this.#say(start['text'])
  }

  #goOn(block: Block | undefined, delta: Json): string {
    const { type, text, thinking, signature, partial_json: part } = delta
    if (type === 'text_delta') return this.#say(text)
    if (block === undefined) return ''
    if (type === 'signature_delta') block.signature += textIn(signature)
    if (type === 'thinking_delta' && typeof thinking === 'string' && thinking !== '') {
      block.text += thinking
      return this.#chunk({ reasoning_content: thinking })
    }
    if (type === 'input_json_delta' && typeof part === 'string' && part !== '') {
      block.text = part
      return this.#argue(block, part)
    }
    return ''
  }

  #complete(index: unknown): string {
    const block = this.#blocks.get(index)
    this.#blocks.delete(index)
    if (block === undefined) return ''
    const { start, call, text, signature } = block
    // Without arguments, which is the JSON of nothing and no nothing in OpenAI's shape.
    if (call !== -1 && text === '') return this.#argue(block, JSON.stringify(start['input'] ?? {}))
    if (!isThought(start)) return ''
    const whole = start['type'] === 'thinking' ? { ...start, thinking: text, signature } : start
    return this.#chunk({ thinking_blocks: [whole] })
  }

  #finish(delta: Json, usage: unknown): string {
    const counted = streamedUsage(this.#message['usage'], usage)
    const told = counted === null ? '' : this.#event([], { usage: openaiUsage(counted) })
    const { stop_reason: reason } = delta
    if (reason === undefined || reason === null) return told
    const refusal = refusalOf(delta)
    return this.#chunk(refusal === null ? {} : { refusal }, finishOf(reason)) + told
  }

  #say = (text: unknown): string =>
    typeof text === 'string' && text !== '' ? this.#chunk({ content: text }) : ''

  #argue = ({ call }: Block, part: string): string =>
    this.#chunk({ tool_calls: [{ index: call, function: { arguments: part } }] })

  #chunk(delta: Json, finish: string | null = null): string {
    return this.#event([{ index: 0, delta, logprobs: null, finish_reason: finish }])
  }

  #event(choices: readonly Json[], more: Json = {}): string {
    const { id, model } = this.#message
    const frame = { id, object: 'chat.completion.chunk', created: this.#created, model }
    return eventText(null, { ...frame, choices, ...more })
  }
}

import { parseArgs } from 'node:util'
import { answerOf } from '../support/answer.ts'
import type { Answer } from '../support/completion.ts'
import type { Served } from '../support/upstream.ts'
import { NO_TOKENS } from '../support/wire.ts'

/**
 * The upstream double for measurements: what `support/upstream.ts` says, from bytes made once.
 *
 *     bun test/bench/upstream.ts --port 0 --chunks 54
 *
 * It sends each chunk of a stream by itself, a turn of the event loop apart, as a model does; from
 * a model whose name ends in `-burst`, all at one go.
 */
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    chunks: { type: 'string', default: '54' },
  },
})
const deltas = Number(values.chunks)
const served = new Map<string, Served>()

type Made = Omit<Answer, 'events'> & {
  readonly events: readonly Uint8Array<ArrayBuffer>[]
  readonly whole: Uint8Array<ArrayBuffer>
}

/** By the request's body, its user aside: every call of a run asks the same. */
const made = new Map<string, Made>()

function madeFor(json: Readonly<Record<string, unknown>>): Made {
  const key = JSON.stringify({ ...json, user: '' })
  const known = made.get(key)
  if (known !== undefined) return known
  const answer = answerOf({ json, number: made.size + 1, now: Date.now() }, { deltas })
  const events = answer.events.map((event) => Uint8Array.from(event))
  const fresh = { ...answer, events, whole: Uint8Array.from(Buffer.concat(events)) }
  made.set(key, fresh)
  return fresh
}

function tally(user: string, told: Answer['told']) {
  if (told === null) return
  const sums = { ...NO_TOKENS, calls: 0, ...served.get(user) }
  sums.calls += 1
  sums.input += told.tokens.input
  sums.output += told.tokens.output
  served.set(user, sums)
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Bun's own kind of stream, in which each write can be flushed to the socket. */
type DirectController = { write(bytes: Uint8Array): void; flush(): void; close(): void }

function eventByEvent(events: readonly Uint8Array[]): ReadableStream {
  const source = {
    type: 'direct' as const,
    async pull(controller: DirectController) {
      for (const event of events) {
        controller.write(event)
        controller.flush()
        await nextTurn()
      }
      controller.close()
    },
  }
  return new ReadableStream(source as unknown as UnderlyingByteSource)
}

const server = Bun.serve({
  port: Number(values.port),
  hostname: '127.0.0.1',
  idleTimeout: 0,
  routes: {
    '/healthz': Response.json({ status: 'ok' }),
    '/served': () => Response.json(Object.fromEntries(served)),
    '/v1/chat/completions': {
      POST: async (request) => {
        const json = (await request.json()) as Record<string, unknown>
        const { status, headers, events, whole, isStream, told } = madeFor(json)
        tally(String(json['user'] ?? ''), told)
        const isBurst = String(json['model']).endsWith('-burst')
        const body = isStream && !isBurst ? eventByEvent(events) : whole
        return new Response(body, { status, headers })
      },
    },
  },
})
console.log(`The upstream double is listening on ${server.url.origin}`)

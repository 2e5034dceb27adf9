import { describe, expect, test } from 'bun:test'
import { verify } from '../../src/store/verify.ts'
import { type BookedRow, bookedOn } from '../support/books.ts'
import { built, DENO, DENO_FLAGS, SOURCE } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { type Gateway, nanosOf, startGateway } from '../support/gateway.ts'
import type { Script } from '../support/script.ts'

/** The role, eight words, the finish, the usage, `[DONE]`. */
const DELTAS = 8

/** Where a client leaves: after so many events of the upstream's, of which so many are words. */
const CUTS: readonly { where: string; events: number; words: number; isTold?: boolean }[] = [
  { where: 'before the first chunk', events: 0, words: 0 },
  { where: 'after the first chunk', events: 1, words: 0 },
  { where: 'in the middle', events: 5, words: 4 },
  { where: 'after the last delta', events: 9, words: 8 },
  { where: 'after the usage chunk', events: 11, words: 8, isTold: true },
]

/** Of "Say hello", as the tokenizer counts a message; the double counts six. */
const PROMPT = 9

/** A stream that its client leaves when so many events of it are out. */
async function leave(gateway: Gateway, user: string, { events }: { readonly events: number }) {
  const gate = new Gate()
  gateway.upstream.next({ deltas: DELTAS, holds: [{ gate, at: { events } }] })
  const controller = new AbortController()
  const stream_options = { include_usage: true }
  const answer = gateway.stream({ user, stream_options }, { signal: controller.signal })
  const read = readEvents(answer)
  await gate.reached
  await eventually(() => expect(read.count()).toBe(events))
  controller.abort()
  await read.end
  return { gate, received: gateway.upstream.calls.at(-1)! }
}

/** Resolves when the server knows that the client has left, and reads on. */
const drains = ({ server }: Gateway) =>
  eventually(async () => {
    const { text } = await server.ask('/metrics')
    expect(text).toContain('tollgate_calls_draining 1\n')
  })

function readEvents(answer: Promise<Response>) {
  let text = ''
  const readAll = async () => {
    const { body } = await answer
    for await (const piece of body!.pipeThrough(new TextDecoderStream())) text += piece
  }
  return { count: () => text.split('\n\n').length - 1, end: readAll().catch(() => {}) }
}

const rowOn = ({ server }: Gateway, user: string): Promise<BookedRow> =>
  eventually(() => {
    const rows = bookedOn(server.databasePath, user)
    expect(rows).toHaveLength(1)
    return rows[0]!
  })

const nothingHeld = (gateway: Gateway, user: string) =>
  eventually(async () => expect((await gateway.customer(user)).held).toBe(0))

const RUNTIMES = [
  { on: 'Bun', command: SOURCE },
  { on: 'Deno', command: [DENO, 'run', ...DENO_FLAGS, built('tollgate.js')] },
]

describe.each(RUNTIMES)('a client that hangs up, on $on', ({ command }) => {
  describe('and on_disconnect: abort', async () => {
    const gateway = await startGateway({ command })

    test.each(CUTS)(
      '$where: the upstream is broken off, and the prompt and $words words are charged',
      async (cut) => {
        const user = `abort ${cut.where}`
        const { received } = await leave(gateway, user, cut)
        await eventually(() => expect(received.hungUpAfter).not.toBeNull())
        const told = { input: 6, output: DELTAS, usage_source: 'upstream' }
        const counted = { input: PROMPT, output: cut.words, usage_source: 'estimated' }
        const usage = cut.isTold === true ? told : counted
        expect(await rowOn(gateway, user)).toMatchObject({ outcome: 'client_closed', ...usage })
        await nothingHeld(gateway, user)
      },
    )

    test.each([{ stream: false }, { stream: true }])(
      'while it waits for the answer (%p): the upstream is broken off, and the prompt is charged',
      async ({ stream }) => {
        const user = `waits ${stream}`
        const gate = new Gate()
        gateway.upstream.next({ holds: [{ gate, at: 'headers' }] })
        const controller = new AbortController()
        const answer = gateway.stream({ user, stream }, { signal: controller.signal })
        await gate.reached
        controller.abort()
        await answer.catch(() => {})
        await eventually(() => expect(gateway.upstream.calls.at(-1)!.hungUpAfter).toBe(0))
        const counted = { input: PROMPT, output: 0, usage_source: 'estimated' }
        expect(await rowOn(gateway, user)).toMatchObject({ outcome: 'client_closed', ...counted })
        await nothingHeld(gateway, user)
      },
    )

    test('the books balance after all of that', async () => {
      await gateway.server.stop()
      expect((await verify(gateway.server.databasePath)).faults).toEqual([])
      await gateway[Symbol.asyncDispose]()
    })
  })

  describe('and on_disconnect: drain', async () => {
    const gateway = await startGateway({ command, params: ['on_disconnect: drain'] })

    test.each(CUTS)(
      '$where: the answer is read to its end, and what the upstream says is charged',
      async (cut) => {
        const user = `drain ${cut.where}`
        const { gate, received } = await leave(gateway, user, cut)
        await drains(gateway)
        gate.open()
        expect(await rowOn(gateway, user)).toMatchObject({
          outcome: 'client_closed',
          usage_source: cut.isTold === true ? 'upstream' : 'drained',
          input: 6,
          output: DELTAS,
          charge: nanosOf({ input: 6, output: DELTAS }),
        })
        await received.finished
        expect(received.hungUpAfter).toBeNull()
        await nothingHeld(gateway, user)
      },
    )

    test('while it waits for an answer in one piece: likewise', async () => {
      const gate = new Gate()
      gateway.upstream.next({ holds: [{ gate, at: 'headers' }] })
      const controller = new AbortController()
      const answer = gateway.chat({ user: 'waits' }, { signal: controller.signal })
      await gate.reached
      controller.abort()
      await answer.catch(() => {})
      await drains(gateway)
      gate.open()
      const drained = { outcome: 'client_closed', usage_source: 'drained', input: 6 }
      expect(await rowOn(gateway, 'waits')).toMatchObject(drained)
    })

    test('an upstream without usage is charged for all that it made', async () => {
      const gate = new Gate()
      const script: Script = { deltas: DELTAS, usage: 'absent' }
      gateway.upstream.next({ ...script, holds: [{ gate, at: { events: 3 } }] })
      const controller = new AbortController()
      const read = readEvents(gateway.stream({ user: 'unsaid' }, { signal: controller.signal }))
      await eventually(() => expect(read.count()).toBe(3))
      controller.abort()
      await read.end
      await drains(gateway)
      gate.open()
      const counted = { usage_source: 'estimated', input: PROMPT, output: DELTAS }
      expect(await rowOn(gateway, 'unsaid')).toMatchObject(counted)
    })

    test('the books balance after all of that', async () => {
      await gateway.server.stop()
      expect((await verify(gateway.server.databasePath)).faults).toEqual([])
      await gateway[Symbol.asyncDispose]()
    })
  })
})

describe('reading on for a client that has left', () => {
  test('ends after drain_timeout, and what came until then is charged', async () => {
    await using gateway = await startGateway({
      settings: 'tollgate_settings: {on_disconnect: drain, drain_timeout: 0.2}\n',
    })
    const { received } = await leave(gateway, 'slow', { events: 5 })
    await eventually(() => expect(received.hungUpAfter).not.toBeNull())
    const counted = { outcome: 'client_closed', usage_source: 'estimated', output: 4 }
    expect(await rowOn(gateway, 'slow')).toMatchObject(counted)
  })

  test('ends after drain_max_tokens, and what came until then is charged', async () => {
    await using gateway = await startGateway({
      settings: 'tollgate_settings: {on_disconnect: drain, drain_max_tokens: 20}\n',
    })
    gateway.upstream.next({ deltas: 5_000, paceMs: 5 })
    const controller = new AbortController()
    const read = readEvents(gateway.stream({ user: 'endless' }, { signal: controller.signal }))
    await eventually(() => expect(read.count()).toBeGreaterThan(1))
    controller.abort()
    await read.end
    const row = await rowOn(gateway, 'endless')
    expect(row).toMatchObject({ outcome: 'client_closed', usage_source: 'estimated' })
    expect(row.output).toBeGreaterThanOrEqual(20)
    expect(row.output).toBeLessThan(2_500)
  })

  test('never passes the budget: a drained answer is cut off like any other', async () => {
    await using gateway = await startGateway({ params: ['on_disconnect: drain'] })
    const { server, upstream, customer } = gateway
    const max_budget = nanosOf({ output: 40 }) / 1e9
    await server.ask('/customer/new', { json: { user_id: 'poor', max_budget } })
    const gate = new Gate()
    upstream.next({ deltas: 500, ignoresCap: true, holds: [{ gate, at: { events: 4 } }] })
    const controller = new AbortController()
    const read = readEvents(
      gateway.stream({ user: 'poor', max_tokens: 16 }, { signal: controller.signal }),
    )
    await eventually(() => expect(read.count()).toBeGreaterThan(1))
    controller.abort()
    await read.end
    await drains(gateway)
    gate.open()
    const row = await rowOn(gateway, 'poor')
    expect(row.outcome).toBe('client_closed')
    expect(row.charge).toBeLessThanOrEqual(max_budget * 1e9)
    expect((await customer('poor')).held).toBe(0)
  })
})

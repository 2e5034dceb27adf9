import { describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verify } from '../../src/store/verify.ts'
import { rowsOf } from '../support/books.ts'
import { piecesOf } from '../support/client.ts'
import { built, DENO, DENO_FLAGS, SOURCE } from '../support/command.ts'
import { crash } from '../support/crash.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { type Gateway, nanosOf, startGateway } from '../support/gateway.ts'
import { startServer } from '../support/server.ts'

describe('killed at any moment under load, and started again', () => {
  test.each<[on: string, kills: number, command: string[]]>([
    ['Bun', 4, SOURCE],
    ['the executable', 2, [built('tollgate')]],
    ['Deno', 2, [DENO, 'run', ...DENO_FLAGS, built('tollgate.js')]],
  ])(
    'on %s: what a client has whole is charged once, what it has in part but for a second',
    async (_, kills, command) => {
      const report = await crash({ kills, command })
      const { lost, doubled, late, faults } = report
      expect({ lost, doubled, late, faults }).toEqual({
        lost: [],
        doubled: [],
        late: [],
        faults: [],
      })
      expect(report.whole).toBeGreaterThan(kills * 10)
    },
    60_000,
  )
})

/** A gateway whose folder outlives it, as a machine's does. */
async function inFolder<T>(use: (start: () => Promise<Gateway>) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-crash-'))
  try {
    return await use(() => startGateway({ folder }))
  } finally {
    if (existsSync(folder)) rmSync(folder, { recursive: true })
  }
}

type Open = { readonly id: string; readonly output: number; readonly customer_id: string }

const openCalls = (path: string) => rowsOf<Open>(path, 'SELECT * FROM open_calls')

test('a call is on disk from its admission on, and its tokens about a second after they came', async () => {
  await using gateway = await startGateway()
  const gate = new Gate()
  gateway.upstream.next({ deltas: 9, holds: [{ gate, at: { events: 5 } }] })
  const answer = piecesOf(await gateway.stream({ user: 'long' }))
  await gate.reached
  const { databasePath } = gateway.server
  await eventually(() => expect(openCalls(databasePath)).toMatchObject([{ customer_id: 'long' }]))
  await eventually(() => expect(openCalls(databasePath)).toMatchObject([{ output: 4 }]))
  gate.open()
  await answer
  expect(openCalls(databasePath)).toEqual([])
})

test('what was under way is settled as interrupted, at what was delivered, on its tab', async () => {
  await inFolder(async (start) => {
    const mortal = await start()
    const gate = new Gate()
    const { server, upstream } = mortal
    await server.ask('/customer/new', { json: { user_id: 'cut', max_budget: 1 } })
    upstream.next({ deltas: 9, holds: [{ gate, at: { events: 5 } }] })
    const answer = piecesOf(await mortal.stream({ user: 'cut' })).catch(() => null)
    await eventually(() => expect(openCalls(server.databasePath)).toMatchObject([{ output: 4 }]))
    const [{ id }] = openCalls(server.databasePath) as [Open]
    await server.kill()
    await answer
    await upstream.stop()

    await using again = await start()
    expect(again.server.output()).toContain('calls were under way when the server died')
    const [row] = rowsOf<Record<string, unknown>>(server.databasePath, 'SELECT * FROM ledger')
    // Of the prompt: three for the message, one for its role, two words, three for the answer.
    const usage = { input: 9, output: 4 }
    expect(row).toMatchObject({
      id,
      customer_id: 'cut',
      outcome: 'interrupted',
      usage_source: 'estimated',
      ...usage,
      charge: nanosOf(usage),
    })
    const { spend, held, total_spend } = await again.customer('cut')
    expect([spend * 1e9, held, total_spend]).toEqual([nanosOf(usage), 0, spend])
    expect((await again.chat({ user: 'cut' })).status).toBe(200)
    await again.server.stop()
    expect((await verify(server.databasePath)).faults).toEqual([])
  })
})

test('what had delivered nothing is settled too, for nothing', async () => {
  await inFolder(async (start) => {
    const mortal = await start()
    mortal.upstream.next({ isSilent: true })
    const answer = mortal.chat({ user: 'unheard' }).catch(() => null)
    await eventually(() => expect(openCalls(mortal.server.databasePath)).toHaveLength(1))
    await mortal.server.kill()
    await answer
    await mortal.upstream.stop()
    await using again = await start()
    const rows = rowsOf(
      again.server.databasePath,
      'SELECT outcome, usage_source, charge FROM ledger',
    )
    expect(rows).toEqual([{ outcome: 'interrupted', usage_source: 'none', charge: 0 }])
    expect(await again.customer('unheard')).toMatchObject({ spend: 0, held: 0 })
  })
})

test('a call of a customer who is deleted meanwhile is settled on the old tab', async () => {
  await inFolder(async (start) => {
    const mortal = await start()
    const { server, upstream } = mortal
    upstream.next({ deltas: 9, holds: [{ gate: new Gate(), at: { events: 5 } }] })
    const answer = piecesOf(await mortal.stream({ user: 'gone' })).catch(() => null)
    await eventually(() => expect(openCalls(server.databasePath)).toMatchObject([{ output: 4 }]))
    await server.ask('/customer/delete', { json: { user_ids: ['gone'] } })
    await server.ask('/customer/new', { json: { user_id: 'gone' } })
    await server.kill()
    await answer
    await upstream.stop()
    await using again = await start()
    expect(await again.customer('gone')).toMatchObject({ spend: 0, total_spend: 0 })
    await again.server.stop()
    const { charged, faults } = await verify(server.databasePath)
    expect([Number(charged) > 0, faults]).toEqual([true, []])
  })
})

test('a repeat of what was charged in part is refused after the start, of what was not is new', async () => {
  await inFolder(async (start) => {
    const mortal = await start()
    const { server, upstream } = mortal
    const withKey = (key: string) => ({ headers: { 'idempotency-key': key } })
    upstream.next({ deltas: 9, holds: [{ gate: new Gate(), at: { events: 5 } }] })
    const part = piecesOf(await mortal.stream({}, withKey('part'))).catch(() => null)
    await eventually(() => expect(openCalls(server.databasePath)).toMatchObject([{ output: 4 }]))
    upstream.next({ isSilent: true })
    const none = mortal.chat({}, withKey('none')).catch(() => null)
    await eventually(() => expect(openCalls(server.databasePath)).toHaveLength(2))
    await server.kill()
    await Promise.all([part, none])
    await upstream.stop()
    await using again = await start()
    const repeated = await again.chat({ stream: true }, withKey('part'))
    expect([repeated.status, repeated.json.error.type]).toEqual([409, 'idempotency_error'])
    expect((await again.chat({}, withKey('none'))).status).toBe(200)
  })
})

test('a database that was never shut down opens beside a second start as it should', async () => {
  await inFolder(async (start) => {
    const mortal = await start()
    await mortal.chat()
    await mortal.server.kill()
    await using again = await startServer({ folder: mortal.server.folder })
    expect((await again.ask('/customer/info?end_user_id=alice')).json.total_spend).toBeGreaterThan(
      0,
    )
    await mortal.upstream.stop()
  })
})

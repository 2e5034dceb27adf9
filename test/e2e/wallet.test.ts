import { describe, expect, test } from 'bun:test'
import { verify } from '../../src/store/verify.ts'
import { rowsOf } from '../support/books.ts'
import { piecesOf } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'

const gateway = await startGateway({
  upstream: { isStrict: false },
  settings:
    'tollgate_settings: {credit: {top_up_url: "https://pay.example.com/?of={customer_id}"}}\n',
})
const { upstream, server, chat, stream } = gateway
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

let keys = 0
async function credit(what: string, user_id: string, body: object) {
  const json = { user_id, reason: 'test', idempotency_key: `key-${keys++}`, ...body }
  const told = await server.ask(`/customer/credit/${what}`, { json })
  expect([told.status, told.json]).toEqual([200, told.json])
  return told.json
}

/** A customer with so many dollars of credit. */
async function paid(user_id: string, amount: number, more: object = {}) {
  await server.ask('/customer/new', { json: { user_id } })
  return credit('grant', user_id, { amount, ...more })
}

const walletOf = async (id: string) =>
  (await server.ask(`/customer/credit/balance?end_user_id=${encodeURIComponent(id)}`)).json

/** A call that is retried for as long as the answer says that it may help, as the clients do. */
async function chatUntilSure(more: object) {
  for (;;) {
    const told = await chat(more)
    if (told.headers.get('x-should-retry') !== 'true') return told
  }
}

const nanosOfDollars = (dollars: number) => Math.round(dollars * 1e9)

type Entry = { kind: string; amount: number; balance: number; call_id: string | null }
const entriesOf = (id: string) =>
  rowsOf<Entry>(
    server.databasePath,
    'SELECT * FROM credit_entries WHERE tab = (SELECT tab FROM customers WHERE id = ?1) ORDER BY id',
    id,
  )

describe('a thousand calls at once on one dollar', () => {
  test('never bring it below zero, and use it up to less than one minimal call', async () => {
    const user = 'crowd'
    await paid(user, 1)
    // Of 100 input tokens and 200 output tokens: $0.0033 or so, so that some 300 fit.
    upstream.always({ text: 'word '.repeat(300), deltas: 300 })
    const messages = [{ role: 'user', content: 'word '.repeat(100) }]
    const ask = { user, messages, max_tokens: 200 }
    const calls = Array.from({ length: 1_000 }, async (_, index) => {
      if (index % 4 !== 0) return (await chatUntilSure(ask)).status
      const response = await stream(ask)
      await piecesOf(response)
      return response.status
    })
    const seen: number[] = []
    let isDone = false
    const watching = (async () => {
      while (!isDone) {
        const { balance, available } = await walletOf(user)
        seen.push(balance, available)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })()
    const statuses = await Promise.all(calls)
    isDone = true
    await watching
    expect([...new Set(statuses)].sort()).toEqual([200, 402])
    // Those that are too large for what is left may be followed by smaller ones.
    let last = await chatUntilSure({ user, messages })
    while (last.status === 200) last = await chatUntilSure({ user, messages })
    upstream.always({})

    expect(Math.min(...seen)).toBeGreaterThanOrEqual(0)
    const entries = entriesOf(user)
    expect(Math.min(...entries.map(({ balance }) => balance))).toBeGreaterThanOrEqual(0)
    const { balance, held } = await walletOf(user)
    expect(held).toBe(0)
    const { calls: served, ...tokens } = upstream.served.get(user)!
    expect(served).toBeGreaterThan(250)
    expect(1e9 - nanosOfDollars(balance)).toBe(nanosOf(tokens))
    // The least that a call can be is its prompt, with its margin, and 16 tokens of an answer.
    expect(nanosOfDollars(balance)).toBeLessThan(nanosOf({ input: 130, output: 16 }) * 1.3)
    expect(last.json.error).toMatchObject({
      type: 'credit_exhausted',
      param: null,
      code: '402',
      balance,
      held: 0,
      top_up_url: 'https://pay.example.com/?of=crowd',
    })
  }, 60_000)
})

describe('a call on a wallet', () => {
  test('is charged to it, and its spend counts all the same', async () => {
    await paid('alice', 1)
    const { status } = await chat({ user: 'alice' })
    expect(status).toBe(200)
    const { spend, credit: sums } = await gateway.customer('alice')
    expect(sums).toEqual({ balance: (1e9 - nanosOfDollars(spend)) / 1e9, held: 0 })
    const [, draw] = entriesOf('alice')
    expect(draw).toMatchObject({ kind: 'draw', amount: -nanosOfDollars(spend) })
    expect(draw!.call_id).toHaveLength(26)
  })

  test('is held on budget and wallet together, and lowered to what both have', async () => {
    await server.ask('/customer/new', { json: { user_id: 'both', max_budget: 100 } })
    await credit('grant', 'both', { amount: 0.001 })
    await chat({ user: 'both', max_tokens: 5_000 })
    expect(upstream.calls.at(-1)!.json!['max_tokens'] as number).toBeLessThan(67)
    await server.ask('/customer/update', { json: { user_id: 'both', max_budget: 0 } })
    await credit('grant', 'both', { amount: 5 })
    const { status, json } = await chat({ user: 'both' })
    expect([status, json.error.type]).toEqual([429, 'budget_exceeded'])
  })

  test('is refused without credit, in any shape of it, and by a name that an address can hold', async () => {
    const user = 'käthe & co/1'
    await server.ask('/customer/new', { json: { user_id: user, wallet: true } })
    const { status, json, headers } = await chat({ user })
    expect([status, json.error.type, headers.get('x-should-retry')]).toEqual([
      402,
      'credit_exhausted',
      'false',
    ])
    expect(json.error.top_up_url).toBe(`https://pay.example.com/?of=${encodeURIComponent(user)}`)
    const unpriced = await chat({ user, model: 'unpriced' })
    expect([unpriced.status, unpriced.json.error.type]).toEqual([400, 'model_not_priced'])
  })

  test('whose upstream ignores its cap is cut off in the stream before the wallet is overdrawn', async () => {
    await paid('cut', 0.001)
    const long = 'one two three four five six seven eight nine ten '.repeat(20)
    upstream.next({ text: long, deltas: 200, ignoresCap: true })
    const { bytes } = await piecesOf(await stream({ user: 'cut' }))
    expect(text(bytes)).toContain('"finish_reason":"length"')
    await eventually(async () => expect((await walletOf('cut')).held).toBe(0))
    expect((await walletOf('cut')).balance).toBeGreaterThanOrEqual(0)
  })

  test('in one piece that ignores its cap overdraws it, and the next grant pays that off', async () => {
    await paid('over', 0.001)
    upstream.next({ text: 'word '.repeat(300), deltas: 300, ignoresCap: true })
    await chat({ user: 'over', max_tokens: 20 })
    const { balance } = await walletOf('over')
    expect(balance).toBeLessThan(0)
    expect((await chat({ user: 'over' })).status).toBe(402)
    const { grant, balance: after } = await credit('grant', 'over', { amount: 1 })
    expect(grant).toMatchObject({ amount: 1, remaining: after })
    expect(nanosOfDollars(after)).toBe(1e9 + nanosOfDollars(balance))
    expect((await chat({ user: 'over' })).status).toBe(200)
  })
})

describe('while a call is in flight', () => {
  /** Holds a call of 60 tokens for this customer until the gate opens. */
  async function inFlight(user: string) {
    const gate = new Gate()
    upstream.next({ deltas: 3, holds: [{ gate, at: 'headers' }] })
    const answer = chat({ user, max_tokens: 60 })
    await gate.reached
    return { gate, answer }
  }

  test('what it holds is shown, refuses others for now, and is not paid out', async () => {
    await paid('holding', 0.001)
    const { gate, answer } = await inFlight('holding')
    const { balance, held, available } = await walletOf('holding')
    expect(balance).toBe(0.001)
    expect(held).toBeGreaterThan(0.0009)
    expect(nanosOfDollars(available)).toBe(nanosOfDollars(balance) - nanosOfDollars(held))
    const second = await chat({ user: 'holding', max_tokens: 60 })
    expect([second.status, second.headers.get('x-should-retry')]).toEqual([402, 'true'])
    const out = { user_id: 'holding', reason: 'r', amount: 0.0005, idempotency_key: 'too-soon' }
    const refund = await server.ask('/customer/credit/refund', { json: out })
    expect([refund.status, refund.json.error.param]).toEqual([400, 'amount'])
    const update = { user_id: 'holding', wallet: false }
    expect((await server.ask('/customer/update', { json: update })).status).toBe(409)
    gate.open()
    expect((await answer).status).toBe(200)
    expect((await server.ask('/customer/credit/refund', { json: out })).status).toBe(200)
    expect((await walletOf('holding')).held).toBe(0)
  })

  test('a grant is seen at once, and what is held stays held', async () => {
    await paid('topped', 0.001)
    const { gate, answer } = await inFlight('topped')
    const before = (await walletOf('topped')).held
    await credit('grant', 'topped', { amount: 1 })
    expect(await walletOf('topped')).toMatchObject({ balance: 1.001, held: before })
    expect((await chat({ user: 'topped', max_tokens: 60 })).status).toBe(200)
    gate.open()
    await answer
    expect((await walletOf('topped')).held).toBe(0)
  })

  test('what it was admitted without is not its to pay: it has been begun on the tab', async () => {
    await server.ask('/customer/new', { json: { user_id: 'before' } })
    const { gate, answer } = await inFlight('before')
    await credit('grant', 'before', { amount: 1 })
    gate.open()
    await answer
    expect((await walletOf('before')).balance).toBe(1)
    expect((await gateway.customer('before')).spend).toBeGreaterThan(0)
  })

  test('a grant that ends keeps what the call holds of it, and the rest goes', async () => {
    const expires_at = new Date(Date.now() + 400).toISOString()
    await paid('ending', 1, { expires_at })
    const { gate, answer } = await inFlight('ending')
    // A call is refused once it has ended: that is looked for at each.
    await eventually(async () =>
      expect((await chat({ user: 'ending', max_tokens: 60 })).status).toBe(402),
    )
    const { balance, held } = await eventually(async () => {
      const wallet = await walletOf('ending')
      expect(wallet.available).toBe(0)
      return wallet
    })
    expect(held).toBeGreaterThan(0.0009)
    expect(balance).toBe(held)
    gate.open()
    expect((await answer).status).toBe(200)
    await eventually(async () => expect((await walletOf('ending')).balance).toBe(0))
    const last = entriesOf('ending').slice(-2)
    expect(last.map(({ kind }) => kind)).toEqual(['draw', 'expiry'])
    expect(last[0]!.call_id).not.toBeNull()
  })

  test('its customer can be deleted: it is drawn from the wallet of the closed tab', async () => {
    await paid('gone', 1)
    const { gate, answer } = await inFlight('gone')
    await server.ask('/customer/delete', { json: { user_ids: ['gone'] } })
    await server.ask('/customer/new', { json: { user_id: 'gone' } })
    gate.open()
    await answer
    const [closed] = rowsOf<{ balance: number; total_spent: number }>(
      server.databasePath,
      "SELECT * FROM customers WHERE id = 'gone' AND deleted_at IS NOT NULL",
    )
    expect(closed!.balance).toBe(1e9 - closed!.total_spent)
    expect((await gateway.customer('gone')).credit).toBeNull()
  })
})

test('a correction of the spend leaves the wallet as it is', async () => {
  await paid('corrected', 1)
  await chat({ user: 'corrected' })
  const { balance } = await walletOf('corrected')
  await server.ask('/customer/update', { json: { user_id: 'corrected', spend: 7 } })
  expect(await gateway.customer('corrected')).toMatchObject({ spend: 7, credit: { balance } })
})

test('the books balance after all of this', async () => {
  await server.stop()
  expect((await verify(server.databasePath)).faults).toEqual([])
})

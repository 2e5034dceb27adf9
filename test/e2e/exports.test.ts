import { expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Billing, LAGO_KEY, STRIPE_KEY, startBilling } from '../support/billing.ts'
import { rowsOf } from '../support/books.ts'
import { eventually } from '../support/eventually.ts'
import { type Server, startServer } from '../support/server.ts'

const PATIENTLY = { deadlineMs: 20_000 }

/** All kinds at once; `csv` writes below the folder of the server. */
const configOf = (billing: Billing, { only = null as string | null, more = '' } = {}) => {
  const exports: Record<string, string> = {
    stripe: `{name: stripe, type: stripe, api_key: ${STRIPE_KEY}, api_base: "${billing.url}", customer: user_id,
      meters: [{event_name: charge_nanos, value: charge_nanos}, {event_name: charge_cents, value: charge_cents},
        {event_name: tokens, value: tokens}, {event_name: calls, value: calls, model: demo}] ${more}}`,
    openmeter: `{name: openmeter, type: cloudevents, url: "${billing.url}/api/v1/events" ${more}}`,
    lago: `{name: lago, type: cloudevents, format: lago, url: "${billing.url}/lago/api/v1/events/batch",
      api_key: ${LAGO_KEY}, customer: user_id ${more}}`,
    files: `{name: files, type: csv, directory: out ${more}}`,
  }
  const wanted = Object.entries(exports).filter(([name]) => only === null || name === only)
  return `
model_list:
- {model_name: demo, litellm_params: {model: demo/demo}}
tollgate_settings:
  exports:
${wanted.map(([, line]) => `  - ${line}`).join('\n')}
`
}

const callsOf = async (server: Server, users: readonly string[]) => {
  const answers = users.map((user) =>
    server
      .ask('/chat/completions', {
        json: { model: 'demo', user, messages: [{ role: 'user', content: 'Say hello' }] },
      })
      .catch(() => null),
  )
  return Promise.all(answers)
}

const users = (calls: number, of = 7) =>
  Array.from({ length: calls }, (_, index) => `customer ${index % of}`)

type Row = {
  readonly id: string
  readonly customer_id: string
  readonly charge: number
  readonly tokens: number
}

const ledgerOf = (path: string): Row[] =>
  rowsOf(
    path,
    `SELECT id, customer_id, charge, input + cached_input + cache_write + cache_write_hour
      + input_audio + input_image + output + reasoning + output_audio + output_image AS tokens
     FROM ledger ORDER BY id`,
  )

const sumBy = <Item>(
  items: Iterable<Item>,
  of: (item: Item) => string,
  amount: (item: Item) => bigint,
) => {
  const sums = new Map<string, bigint>()
  for (const item of items) sums.set(of(item), (sums.get(of(item)) ?? 0n) + amount(item))
  return Object.fromEntries([...sums].filter(([, sum]) => sum !== 0n).sort())
}

/** What Stripe bills by a meter, by customer. */
const billed = ({ stripe }: Billing, meter: string) =>
  sumBy(
    [...stripe.values()].filter(({ eventName }) => eventName === meter),
    ({ customer }) => customer,
    ({ value }) => value,
  )

const ledgerSums = (rows: readonly Row[], amount: (row: Row) => number) =>
  sumBy(
    rows,
    (row) => row.customer_id,
    (row) => BigInt(amount(row)),
  )

const csvLines = (folder: string): string[] => {
  const files = readdirSync(join(folder, 'out')).sort()
  return files.flatMap((file) =>
    readFileSync(join(folder, 'out', file), 'utf8')
      .split('\r\n')
      .slice(1, -1),
  )
}

/** Every row is everywhere, once, and the sums are the ledger's to the nano-dollar. */
async function expectAllThere(server: Server, billing: Billing) {
  const rows = ledgerOf(server.databasePath)
  const ids = rows.map(({ id }) => id)
  await eventually(() => {
    expect([...billing.openMeter.values()].map((event) => event['id']).sort()).toEqual(ids)
    expect([...billing.lago.keys()].sort()).toEqual(ids)
    expect(billed(billing, 'charge_nanos')).toEqual(ledgerSums(rows, ({ charge }) => charge))
    expect(billed(billing, 'tokens')).toEqual(ledgerSums(rows, ({ tokens }) => tokens))
    expect(
      csvLines(server.folder)
        .map((line) => line.slice(0, 26))
        .sort(),
    ).toEqual(ids)
  }, PATIENTLY)
  for (const { id, charge } of rows) {
    expect(billing.openMeter.get(`tollgate ${id}`)!.data.charge_nanos).toBe(charge)
    expect(billing.lago.get(id)!.properties.charge_nanos).toBe(charge)
  }
}

/** A folder that outlives its servers. */
async function inFolder(use: (folder: string) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-exports-'))
  try {
    await use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('a call is told to each billing system, in its own words', async () => {
  await using billing = await startBilling()
  await using server = await startServer({ config: configOf(billing) })
  await callsOf(server, ['alice', 'alice', 'bob'])
  await expectAllThere(server, billing)
  const [row] = ledgerOf(server.databasePath)
  const event = billing.openMeter.get(`tollgate ${row!.id}`)!
  expect(event).toMatchObject({
    specversion: '1.0',
    type: 'llm_call',
    subject: row!.customer_id,
    data: { model: 'demo', outcome: 'ok', key_alias: null },
  })
  expect(JSON.stringify([event, billing.lago.get(row!.id)])).not.toContain('Say hello')
  expect(billed(billing, 'calls')).toEqual({ alice: 2n, bob: 1n })
  expect(billed(billing, 'charge_cents')).toEqual({})
  await eventually(async () => {
    const { json } = await server.ask('/exports')
    expect(json).toMatchObject(
      ['files', 'lago', 'openmeter', 'stripe'].map((name) => ({
        ...{ name, configured: true, waiting_rows: 0, pending_events: 0, dead: 0 },
        ...{ oldest_at: null, last_failure: null, skipped_rows: 0 },
      })),
    )
  })
  const { text } = await server.ask('/metrics')
  expect(text).toContain('tollgate_export_events_total{export="lago"} 3\n')
  expect(text).toContain('tollgate_export_waiting{export="stripe",unit="rows"} 0\n')
}, 30_000)

test('whatever fails, and whenever the server is killed, each event is there once and the sums are the ledger’s', async () => {
  await inFolder(async (folder) => {
    await using billing = await startBilling()
    billing.failAtRandom(40, 8)
    const config = configOf(billing)
    for (let life = 0; life < 3; life++) {
      await using server = await startServer({ config, folder })
      if (life === 1) await billing.refuse()
      const calls = callsOf(server, users(60))
      // In the midst of sending, and not at an end of it.
      const before = billing.requests.length
      if (life !== 1)
        await eventually(() => expect(billing.requests.length).toBeGreaterThan(before + 3))
      else await calls
      await server.kill()
      await calls
      if (life === 1) await billing.resume()
    }
    billing.failAtRandom(20, 9)
    await using server = await startServer({ config, folder })
    await callsOf(server, users(30))
    const change = { user_id: 'customer 3', spend: 0 }
    expect((await server.ask('/customer/update', { json: change })).status).toBe(200)
    await eventually(() => {
      const corrections = rowsOf(
        server.databasePath,
        "SELECT id FROM ledger WHERE outcome = 'correction'",
      )
      expect(corrections).toHaveLength(1)
    })
    await expectAllThere(server, billing)
    expect(billing.repeats).toBeGreaterThan(0)
  })
}, 60_000)

test('what is refused for good is listed, and replayed once it is put right', async () => {
  await using billing = await startBilling()
  billing.unknown.add('mallory')
  await using server = await startServer({ config: configOf(billing) })
  await callsOf(server, ['mallory', 'alice', 'bob', 'alice'])
  const good = () => ledgerOf(server.databasePath).filter(({ customer_id: id }) => id !== 'mallory')
  await eventually(async () => {
    expect([...billing.lago.keys()].sort()).toEqual(good().map(({ id }) => id))
    expect(billing.openMeter.size).toBe(3)
    const { json } = await server.ask('/exports/dead?export=lago')
    expect(json.dead).toMatchObject([{ export: 'lago', events: 1 }])
    expect(json.dead[0].error).toContain('value_is_invalid')
    const stripe = await server.ask('/exports/dead?export=stripe')
    expect(stripe.json.dead).toHaveLength(3)
    expect(stripe.json.dead[0].error).toBe(
      `status 400: {"error":{"message":"No such customer: 'mallory'","type":"invalid_request_error"}}`,
    )
  }, PATIENTLY)
  billing.unknown.clear()
  for (const name of ['stripe', 'openmeter', 'lago']) {
    const { status } = await server.ask('/exports/replay', { json: { export: name } })
    expect(status).toBe(200)
  }
  await expectAllThere(server, billing)
  const lines = server
    .output()
    .split('\n')
    .filter((line) => line.includes('an export was refused'))
  expect(lines).toHaveLength(3)
}, 30_000)

test('a new export has what settled since a day, and one that is taken out waits until it is discarded', async () => {
  await inFolder(async (folder) => {
    await using billing = await startBilling()
    {
      const config = configOf(billing, { only: 'openmeter' })
      await using server = await startServer({ config, folder })
      await callsOf(server, users(20))
      await eventually(() => expect(billing.openMeter.size).toBe(20), PATIENTLY)
      expect(await server.stop()).toBe(0)
    }
    {
      const config = configOf(billing, { only: 'lago', more: ', since: 2020-01-01' })
      await using server = await startServer({ config, folder })
      expect(server.output()).toContain('the config has no export openmeter any more')
      await eventually(() => expect(billing.lago.size).toBe(20), PATIENTLY)
      await callsOf(server, users(5))
      await eventually(() => expect(billing.lago.size).toBe(25), PATIENTLY)
      expect(billing.openMeter.size).toBe(20)
      await eventually(async () => {
        const { json } = await server.ask('/exports')
        expect(json).toMatchObject([
          { name: 'lago', waiting_rows: 0, sent_events: 25 },
          { name: 'openmeter', configured: false, waiting_rows: 5 },
        ])
      })
      const discard = (name: string) =>
        server.ask('/exports/discard', { json: { export: name, what: 'all' } })
      expect((await discard('lago')).status).toBe(400)
      expect((await discard('openmeter')).json).toEqual({ discarded: 5 })
      expect((await discard('openmeter')).status).toBe(404)
    }
  })
}, 30_000)

test('a wrong key stops an export, and kills none of its rows', async () => {
  await using billing = await startBilling()
  const config = configOf(billing, { only: 'stripe' }).replace(STRIPE_KEY, 'sk_test_wrong_key')
  await inFolder(async (folder) => {
    {
      await using server = await startServer({ config, folder })
      await callsOf(server, users(10))
      await eventually(async () => {
        const { json } = await server.ask('/exports')
        expect(json[0].last_failure.error).toContain('status 401')
      })
      const { json } = await server.ask('/exports')
      expect(json[0]).toMatchObject({ dead: 0, sent_events: 0 })
      expect(server.output()).not.toContain('sk_test_wrong_key')
      expect(server.output().match(/an export fails/g)).toHaveLength(1)
      await server.stop()
    }
    await using server = await startServer({
      config: configOf(billing, { only: 'stripe' }),
      folder,
    })
    const rows = ledgerOf(server.databasePath)
    await eventually(() => {
      expect(billed(billing, 'charge_nanos')).toEqual(ledgerSums(rows, ({ charge }) => charge))
    }, PATIENTLY)
  })
}, 30_000)

test('who stops it waits for what can be sent, and for nobody who is down', async () => {
  await inFolder(async (folder) => {
    await using billing = await startBilling()
    await using deaf = await startBilling()
    await deaf.refuse()
    const files = configOf(billing).replace(`${billing.url}/lago`, `${deaf.url}/lago`)
    await using server = await startServer({ config: files, folder })
    await callsOf(server, users(9))
    expect(await server.stop()).toBe(0)
    expect(billing.openMeter.size).toBe(9)
    expect(csvLines(folder)).toHaveLength(9)
    expect(deaf.lago.size).toBe(0)
  })
}, 20_000)

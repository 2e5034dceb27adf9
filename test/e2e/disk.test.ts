import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { verify } from '../../src/store/verify.ts'
import { piecesOf } from '../support/client.ts'
import { PROGRAMS, run, SOURCE } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { Gate } from '../support/gate.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { parseMetrics, sumOf } from '../support/metrics.ts'
import { madeDatabase, newFolder } from '../support/store.ts'
import { limitedDisk, smallDisk } from '../support/tight-disk.ts'

/** What goes wrong with the disk under a running server, as an operator and a client see it. */

const [[, bun], [, deno]] = PROGRAMS

describe.each([
  ['is full', smallDisk, bun],
  ['fails', limitedDisk, bun],
  ['is full, on Deno,', smallDisk, deno],
])('while the disk %s', (_, makeDisk, program) => {
  test('no call is admitted and no change is made; when it is back, all is written', async () => {
    using disk = makeDisk()
    const { folder } = disk
    await using gateway = await startGateway({ folder, command: disk.command(program()) })
    const { server, upstream } = gateway
    expect((await gateway.chat()).status).toBe(200)

    const gate = new Gate()
    upstream.next({ deltas: 9, holds: [{ gate, at: { events: 4 } }] })
    const answer = piecesOf(await gateway.stream())
    await gate.reached
    disk.fill(server.pid)
    gate.open()
    await eventually(() => expect(server.output()).toContain(disk.words))

    const ready = await server.ask('/health/readiness')
    expect([ready.status, ready.json.db]).toEqual([503, 'failing'])
    const metrics = parseMetrics((await server.ask('/metrics')).text)
    expect(sumOf(metrics, 'tollgate_database_writable')).toBe(0)
    expect(sumOf(metrics, 'tollgate_flush_queue_length')).toBeGreaterThan(0)
    expect(sumOf(metrics, 'tollgate_flush_queue_oldest_seconds')).toBeGreaterThan(0)
    const before = upstream.calls.length
    const refused = await gateway.chat()
    expect([refused.status, refused.json.error.type]).toEqual([503, 'overloaded'])
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(upstream.calls.length).toBe(before)
    for (const [path, json] of CHANGES) {
      const { status, json: answered, headers } = await server.ask(path, { json })
      expect([path, status]).toEqual([path, 503])
      expect(answered.error).toEqual(NOTHING_CHANGED)
      expect(headers.get('retry-after')).toBe('5')
    }
    expect((await gateway.customer('alice')).blocked).toBe(false)

    disk.makeRoom(server.pid)
    expect(new TextDecoder().decode((await answer).bytes)).toEndWith('data: [DONE]\n\n')
    await eventually(async () => expect((await gateway.chat()).status).toBe(200))
    expect(await gateway.customer('bob')).toBe(null)
    expect((await gateway.customer('alice')).blocked).toBe(false)
    expectToldOnce(server.output(), disk.words)
    expect(await server.stop()).toBe(0)
    expect(await verify(server.databasePath)).toMatchObject({ rows: 3, faults: [] })
  })
})

test('told to stop while the disk fails, the server says what is lost, and exits with 1', async () => {
  using disk = limitedDisk()
  const { folder } = disk
  await using gateway = await startGateway({
    folder,
    command: disk.command(SOURCE),
    settings: 'tollgate_settings: {shutdown_timeout: 0}\n',
  })
  const { server } = gateway
  await gateway.chat()
  disk.fill(server.pid)
  const waiting = gateway.chat().catch(() => null)
  await eventually(() => expect(server.output()).toContain(disk.words))
  expect(await server.stop()).toBe(1)
  expect(server.output()).toContain('"the database took no writes to the last","writes_lost":1}')
  disk.makeRoom(process.pid)
  // Nothing was promised: the client has not been told that its call went well.
  expect((await waiting)?.status).not.toBe(200)
  expect(await verify(server.databasePath)).toMatchObject({ rows: 1, faults: [] })
})

/** A change of each kind that an operator can make. */
const CHANGES: readonly [path: string, json: object][] = [
  ['/customer/new', { user_id: 'bob' }],
  ['/customer/update', { user_id: 'alice', alias: 'Alice' }],
  ['/customer/block', { user_ids: ['alice'] }],
  ['/customer/delete', { user_ids: ['alice'] }],
  ['/budget/new', { budget_id: 'tier', max_budget: 1 }],
]

const NOTHING_CHANGED = {
  message: 'The books cannot be written at the moment: nothing was changed. Try again shortly.',
  type: 'overloaded',
  param: null,
  code: '503',
}

/** One line when it began, one when it was over, and nothing that only a programmer can read. */
function expectToldOnce(output: string, words: string) {
  const lines = output.split('\n').filter((line) => line.startsWith('{'))
  const told = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 'error')
  expect(told).toHaveLength(1)
  expect(told[0].message).toContain(words)
  expect(told[0].message).toContain('what is queued will be written')
  expect(output).not.toContain('    at ')
  expect(output).toContain('the database takes writes again')
}

describe('while another process holds the database', () => {
  async function held(gateway: Gateway) {
    await gateway.chat()
    const other = new Database(gateway.server.databasePath)
    other.run('BEGIN IMMEDIATE')
    return other
  }

  test('for a moment, a call waits for it and nobody is refused', async () => {
    await using gateway = await startGateway()
    const { server, upstream } = gateway
    using other = await held(gateway)
    const answer = gateway.chat()
    await eventually(() => expect(upstream.calls.at(-1)!.sent.length).toBeGreaterThan(0))
    other.run('ROLLBACK')
    expect((await answer).status).toBe(200)
    expect(server.output()).not.toContain('locked')
  })

  test('for long, calls are refused, what is queued waits, and the server still answers', async () => {
    await using gateway = await startGateway()
    const { server } = gateway
    using other = await held(gateway)
    const waiting = gateway.chat()
    const change = server.ask('/customer/new', { json: { user_id: 'bob' } })
    await eventually(() =>
      expect(server.output()).toContain('is locked by another process (database is locked). End'),
    )
    expect((await change).json.error).toEqual(NOTHING_CHANGED)
    expect((await gateway.chat()).status).toBe(503)
    expect((await gateway.customer('alice')).user_id).toBe('alice')
    other.run('ROLLBACK')
    expect((await waiting).status).toBe(200)
    expectToldOnce(server.output(), 'is locked by another process')
    expect(await gateway.customer('bob')).toBe(null)
    expect(await server.stop()).toBe(0)
    expect(await verify(server.databasePath)).toMatchObject({ rows: 2, faults: [] })
  })
})

describe('a database with a broken page', () => {
  /** Breaks the page of `customers` that holds customer-500; the start does not look there. */
  async function brokenDatabase(): Promise<string> {
    const path = await madeDatabase(1_000)
    const bytes = readFileSync(path)
    const tableLeaf = 0x0d
    for (let page = 0; page < bytes.length; page += 2048) {
      if (bytes[page] !== tableLeaf) continue
      if (bytes.subarray(page, page + 2048).includes('customer-500{')) bytes[page] = 0x5a
    }
    writeFileSync(path, bytes)
    return path
  }

  test('is a 503 for whoever is on it, with a word to the operator, and serves all others', async () => {
    const broken = await brokenDatabase()
    await using gateway = await startGateway({ folder: copyInto(newFolder(), broken) })
    const { server } = gateway
    const on = { user: 'customer-500' }
    const answers = [
      await server.ask('/customer/info?end_user_id=customer-500'),
      await server.ask('/customer/list?page_size=1000'),
      await server.ask('/customer/periods?end_user_id=customer-500'),
      await gateway.chat(on),
      await gateway.chat({ ...on, stream: true }),
    ]
    for (const { status, json, headers } of answers) {
      expect(status).toBe(503)
      expect(json.error).toMatchObject({ type: 'overloaded', code: '503', param: null })
      expect(JSON.stringify(json)).not.toContain(server.folder)
      expect(headers.get('retry-after')).toBe('5')
    }
    expect((await gateway.chat({ user: 'customer-1' })).status).toBe(200)
    const log = server.output()
    expect(log).toContain(`The database ${server.databasePath} is damaged`)
    expect(log).toContain('Put a backup in its place')
    expect(log).toContain('"failed":"GET /customer/info"')
    expect(log).not.toContain('    at ')
  })

  test.each(PROGRAMS)('is told by verify of %s, which names the table', async (_, command) => {
    const path = await brokenDatabase()
    const { code, out, errors } = await run([...command(), 'verify', '--db', path], {
      folder: newFolder(),
    })
    expect([code, out]).toEqual([1, ''])
    expect(errors).toMatch(/^customers page \d+: btreeInitPage/)
    expect(errors).toEndWith(`The database ${path} is damaged: put a backup in its place.\n`)
    expect(errors).not.toContain('    at ')
  })

  test.each(PROGRAMS)(
    'cannot be backed up by %s, and leaves no half of a copy',
    async (_, command) => {
      const folder = newFolder()
      const path = await brokenDatabase()
      const words = [...command(), 'backup', 'copy.db', '--db', path]
      const { code, errors } = await run(words, { folder })
      expect(code).toBe(1)
      expect(errors).toContain(`The database ${path} is damaged`)
      expect([...new Bun.Glob('*').scanSync(folder)]).toEqual([])
    },
  )
})

/** Puts a database where a server that starts in `folder` finds it. */
function copyInto(folder: string, path: string): string {
  copyFileSync(path, join(folder, 'tollgate.db'))
  return folder
}

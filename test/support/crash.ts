import { Database } from 'bun:sqlite'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { verify } from '../../src/store/verify.ts'
import { SOURCE } from './command.ts'
import { configOf, nanosOf } from './gateway.ts'
import type { ReceivedCall } from './received-call.ts'
import type { Script } from './script.ts'
import { type Server, startServer } from './server.ts'
import { startUpstream } from './upstream.ts'

/**
 * Kills the real server with SIGKILL at random moments under load, starts it again on the same
 * files, and holds its ledger against what its clients have and what its upstream has served:
 * `bun run test:crash`, or a few kills of it in the suite.
 *
 * Every call is on a tab of its own, so each row of the ledger is matched with one call. Every third
 * is paid in advance: what its wallet has is what came in, less what the row was charged.
 */
export type CrashReport = {
  readonly kills: number
  readonly calls: number
  /** Calls whose client has the whole answer. */
  readonly whole: number
  /** Streams of which the client has a part, and the row says so. */
  readonly interrupted: number
  /** Whole answers that are charged wrongly, or not. */
  readonly lost: readonly string[]
  /** Calls with more than one row, or charged for more than the upstream has sent. */
  readonly doubled: readonly string[]
  /** Parts that are not charged although their client has had them for longer than a checkpoint. */
  readonly late: readonly string[]
  /** The longest time that a delivered token was not on disk, milliseconds. */
  readonly unwrittenMsMax: number
  /** What `verify` found, after each kill. */
  readonly faults: readonly string[]
}

/**
 * Checkpoints are about a second apart; the first of a process waits for the tokenizer to be loaded,
 * and on a machine that has other work all of it takes longer.
 */
const CHECKPOINT_MS = 3_000

const CLIENTS = 24
const LOAD_MS = { least: 100, most: 3_000 }

/** A call as its client knows it. */
type ClientCall = {
  readonly user: string
  isWhole: boolean
  /** Its customer has paid in advance, and was told so. */
  isPaid: boolean
  /** When each token came, milliseconds. */
  readonly tokensAt: number[]
}

export async function crash(options: {
  readonly kills: number
  readonly command?: readonly string[]
  readonly told?: (line: string) => void
}): Promise<CrashReport> {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-crash-'))
  const upstream = await startUpstream()
  upstream.always(scriptFor)
  const settings = 'litellm_settings: {max_end_user_budget: 1000}\n'
  const config = configOf(upstream, { settings })
  const books = new Books()
  const { command = SOURCE } = options
  let server: Server | null = null
  try {
    for (let kill = 1; kill <= options.kills; kill++) {
      server = await startServer({ folder, config, command })
      if (kill > 1) await books.check(server.databasePath, upstream.calls)
      books.killedAt = await loadUntilKilled(server, books, kill % 2 === 0)
      options.told?.(`kill ${kill} of ${options.kills}: ${books.summary()}`)
    }
    server = await startServer({ folder, config, command })
    await books.check(server.databasePath, upstream.calls)
    await server.stop()
    return { kills: options.kills, ...books.report() }
  } finally {
    await server?.[Symbol.asyncDispose]()
    await upstream.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A quarter of the streams takes seconds, for the checkpoints. Each delta is one token. */
function scriptFor({ user }: ReceivedCall): Script {
  const n = Number(user.split('-')[1])
  if (n % 4 !== 0) return { deltas: 5 + (n % 20) }
  return { deltas: 20 + (n % 80), paceMs: 10 + (n % 40) }
}

/**
 * Answers when the server was killed: at any moment, or, every second time, at the moment in which
 * a client has read the end of an answer, which is the hardest one.
 */
async function loadUntilKilled(server: Server, books: Books, atAnEnd: boolean): Promise<number> {
  let isOver = false
  let isArmed = false
  let killedAt = Number.NaN
  const kill = () => {
    if (isOver) return
    isOver = true
    process.kill(server.pid, 'SIGKILL')
    killedAt = performance.now()
  }
  const ended = () => {
    if (isArmed) kill()
  }
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!isOver) {
      const call = books.newCall()
      await payFor(server, call)
        .then(() => callOnce(server, call, ended))
        .catch(() => {})
    }
  })
  const { least, most } = LOAD_MS
  await new Promise((resolve) => setTimeout(resolve, least + Math.random() * (most - least)))
  isArmed = true
  if (!atAnEnd) kill()
  await Promise.all(clients)
  await server.kill()
  return killedAt
}

/** What is paid for a call in advance, dollars. */
const PAID = 0.5

async function payFor(server: Server, call: ClientCall) {
  const { user } = call
  if (Number(user.split('-')[1]) % 3 !== 0) return
  await server.ask('/customer/new', { json: { user_id: user } })
  const order = { user_id: user, amount: PAID, reason: 'for a call', idempotency_key: user }
  const { status } = await server.ask('/customer/credit/grant', { json: order })
  if (status !== 200) throw new Error(`status ${status}`)
  call.isPaid = true
}

async function callOnce(server: Server, call: ClientCall, ended: () => void) {
  const stream = Math.random() < 0.7
  const messages = [{ role: 'user', content: 'Say hello' }]
  const json = { model: 'gpt-4o-mini', user: call.user, messages, ...(stream ? { stream } : {}) }
  const response = await server.fetch('/v1/chat/completions', { json })
  if (response.status !== 200) throw new Error(`status ${response.status}`)
  const length = Number(response.headers.get('content-length') ?? Number.NaN)
  const decoder = new TextDecoder()
  const reader = response.body!.getReader()
  let text = ''
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    text += decoder.decode(read.value, { stream: true })
    call.isWhole = stream ? text.endsWith('data: [DONE]\n\n') : text.length === length
    if (call.isWhole) ended()
    const now = performance.now()
    if (stream) while (call.tokensAt.length < tokensIn(text)) call.tokensAt.push(now)
  }
}

/** Words that were delivered; the first delta, which names the role, has none. */
const tokensIn = (text: string): number => text.match(/"content":"[ W]/g)?.length ?? 0

type Row = {
  readonly customer_id: string
  readonly outcome: string
  readonly usage_source: string
  readonly output: number
  readonly charge: number
}

type Wallet = { readonly id: string; readonly balance: number }

/** What the clients know, held against the ledger after each kill. */
class Books {
  killedAt = 0
  readonly #calls: ClientCall[] = []
  #checked = 0
  #interrupted = 0
  #unwrittenMsMax = 0
  readonly #lost: string[] = []
  readonly #doubled: string[] = []
  readonly #late: string[] = []
  readonly #faults: string[] = []

  newCall(): ClientCall {
    const user = `call-${this.#calls.length}`
    const call = { user, isWhole: false, isPaid: false, tokensAt: [] }
    this.#calls.push(call)
    return call
  }

  async check(databasePath: string, received: readonly ReceivedCall[]) {
    const rows = Map.groupBy(ledgerOf(databasePath), (row) => row.customer_id)
    const wallets = new Map(walletsOf(databasePath).map(({ id, balance }) => [id, balance]))
    const served = new Map(received.map((call) => [call.user, call]))
    for (const [user, found] of rows) {
      if (found.length > 1) this.#doubled.push(`${user} has ${found.length} rows`)
    }
    for (const call of this.#calls.slice(this.#checked)) {
      const [row] = rows.get(call.user) ?? []
      if (call.isWhole) this.#checkWhole(call, row, served.get(call.user)!)
      else this.#checkPart(call, row, served.get(call.user))
      if (call.isPaid) this.#checkWallet(call, row, wallets.get(call.user))
    }
    this.#checked = this.#calls.length
    this.#faults.push(...(await verify(databasePath)).faults)
  }

  #checkWhole({ user }: ClientCall, row: Row | undefined, served: ReceivedCall) {
    const charge = chargeOf(served)
    const isRight = row?.outcome === 'ok' && row.usage_source === 'upstream'
    if (isRight && row.charge === charge) return
    this.#lost.push(`${user} was served for ${charge}, and its row is ${JSON.stringify(row)}`)
  }

  #checkWallet({ user }: ClientCall, row: Row | undefined, balance: number | undefined) {
    const right = PAID * 1e9 - (row?.charge ?? 0)
    if (balance !== right) this.#lost.push(`${user} has ${balance} of credit, and not ${right}`)
  }

  #checkPart(call: ClientCall, row: Row | undefined, served: ReceivedCall | undefined) {
    const { user, tokensAt } = call
    if (row?.outcome === 'ok') {
      // The charge was on disk, and the end of the answer was on its way.
      if (row.charge !== chargeOf(served!)) this.#lost.push(`${user}: ${JSON.stringify(row)}`)
      return
    }
    const written = row?.output ?? 0
    if (row !== undefined && written > 0) this.#interrupted++
    const sent = served === undefined ? 0 : tokensIn(Buffer.from(served.sent).toString())
    if (written > sent) this.#doubled.push(`${user} is charged for ${written} of ${sent} tokens`)
    const firstUnwrittenAt = tokensAt[written]
    if (firstUnwrittenAt === undefined) return
    const unwrittenMs = this.killedAt - firstUnwrittenAt
    this.#unwrittenMsMax = Math.max(this.#unwrittenMsMax, unwrittenMs)
    if (unwrittenMs > CHECKPOINT_MS) {
      this.#late.push(`${user} had token ${written + 1} for ${Math.round(unwrittenMs)} ms`)
    }
  }

  summary(): string {
    const whole = this.#calls.filter(({ isWhole }) => isWhole).length
    return `${this.#calls.length} calls so far, ${whole} answered whole`
  }

  report(): Omit<CrashReport, 'kills'> {
    return {
      calls: this.#calls.length,
      whole: this.#calls.filter(({ isWhole }) => isWhole).length,
      interrupted: this.#interrupted,
      lost: this.#lost,
      doubled: this.#doubled,
      late: this.#late,
      unwrittenMsMax: Math.round(this.#unwrittenMsMax),
      faults: this.#faults,
    }
  }
}

function ledgerOf(path: string): Row[] {
  const database = new Database(path, { readonly: true })
  const open = database.query('SELECT count(*) AS n FROM open_calls').get() as { n: number }
  const rows = database
    .query('SELECT customer_id, outcome, usage_source, output, charge FROM ledger')
    .all() as Row[]
  database.close()
  if (open.n !== 0) throw new Error(`${open.n} calls are still open after the start`)
  return rows
}

function walletsOf(path: string): Wallet[] {
  const database = new Database(path, { readonly: true })
  const sql = 'SELECT id, balance FROM customers WHERE balance IS NOT NULL'
  const wallets = database.query(sql).all() as Wallet[]
  database.close()
  return wallets
}

/** What a call costs by the usage that the upstream sent. */
function chargeOf({ sent }: ReceivedCall): number {
  const text = Buffer.from(sent).toString()
  const count = (name: string) => Number(new RegExp(`"${name}": ?(\\d+)`).exec(text)?.[1])
  return nanosOf({ input: count('prompt_tokens'), output: count('completion_tokens') })
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { kills: { type: 'string', default: '50' } } })
  const report = await crash({ kills: Number(values.kills), told: console.log })
  const { kills, calls, whole, interrupted, lost, doubled, late, unwrittenMsMax, faults } = report
  for (const line of [...lost, ...doubled, ...late, ...faults]) console.log(line)
  console.log(
    `${kills} kills, ${calls} calls: ${whole} answered whole, ${interrupted} charged in part.\n` +
      `${lost.length} charges lost, ${doubled.length} doubled, ${late.length} parts later than a ` +
      `checkpoint (the longest was ${unwrittenMsMax} ms), verify: ${faults.length} faults.`,
  )
  process.exit(lost.length + doubled.length + late.length + faults.length === 0 ? 0 : 1)
}

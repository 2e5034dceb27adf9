/**
 * 100,000 random calls with faults injected: `bun test/bench/faults.ts [--calls N]`.
 *
 * Customers with budgets of every size, half of them with keys that have budgets too, call an
 * upstream that answers well, refuses, breaks off, counts nothing, ignores caps; some clients hang
 * up. It fails unless at the end nothing is held, nobody and no key has spent more than its budget,
 * and `verify` agrees with every sum.
 */
import { parseArgs } from 'node:util'
import { verify } from '../../src/store/verify.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import type { Script } from '../support/script.ts'

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '100000' },
    connections: { type: 'string', default: '50' },
  },
})
const CALLS = Number(values.calls)
const CUSTOMERS = 200
const KEYS = 50

/** What the upstream may do; the first is what it does mostly. */
const SCRIPTS: readonly Script[] = [
  {},
  { deltas: 20 },
  { usage: 'absent' },
  { usage: { prompt_tokens: -1, completion_tokens: 'many' } },
  { hasDone: false },
  { status: 500 },
  { status: 429 },
  { status: 502, body: '<h1>no</h1>' },
  { deltas: 12, dies: { after: { events: 5 } } },
  { dies: { after: { bytes: 10 } } },
  { errorAfter: { events: 3 } },
  { writes: 'whole', hasComments: true, lineEnd: '\r\n' },
]

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)]!
const chance = (share: number) => Math.random() < share

const gateway = await startGateway({ upstream: { isStrict: false, keepsCalls: false } })
const { server, upstream } = gateway
for (let n = 0; n < CUSTOMERS; n++) {
  const max_budget = pick([0.0005, 0.002, 0.01, 0.1, 100])
  await server.ask('/customer/new', { json: { user_id: `customer-${n}`, max_budget } })
}

const keys: string[] = []
for (let n = 0; n < KEYS; n++) {
  const max_budget = pick([0.005, 0.02, 0.1, 1, 100])
  keys.push((await server.ask('/key/generate', { json: { max_budget } })).json.key)
}

const statuses = new Map<number | string, number>()
const count = (what: number | string) => statuses.set(what, (statuses.get(what) ?? 0) + 1)

async function call() {
  if (chance(0.4)) {
    const script = pick(SCRIPTS)
    // An answer in one piece cannot be cut off, so only streams meet an upstream without manners.
    upstream.next(script)
  }
  const stream = chance(0.5)
  const controller = new AbortController()
  const json = {
    model: 'gpt-4o-mini',
    user: `customer-${Math.floor(Math.random() * CUSTOMERS)}`,
    messages: [{ role: 'user', content: 'word '.repeat(Math.floor(Math.random() * 50)) }],
    ...(stream ? { stream } : {}),
    ...(chance(0.5) ? { max_tokens: 1 + Math.floor(Math.random() * 100) } : {}),
  }
  const headers = { authorization: `Bearer ${chance(0.5) ? server.key : pick(keys)}` }
  const { signal } = controller
  try {
    const response = await server.fetch('/v1/chat/completions', { json, headers, signal })
    const reader = response.body!.getReader()
    const leavesAfter = chance(0.1) ? Math.floor(Math.random() * 6) : Number.POSITIVE_INFINITY
    for (let pieces = 0; !(await reader.read()).done; pieces++) {
      if (pieces >= leavesAfter) {
        controller.abort()
        count('hung up')
        return
      }
    }
    count(response.status)
  } catch {
    count(controller.signal.aborted ? 'hung up' : 'failed')
  }
}

const started = performance.now()
let left = CALLS
await Promise.all(
  Array.from({ length: Number(values.connections) }, async () => {
    while (left-- > 0) await call()
  }),
)
const seconds = (performance.now() - started) / 1_000

const gauge = async (name: string) => {
  const { text } = await server.ask('/metrics')
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
}
await eventually(
  async () => {
    if ((await gauge('tollgate_held_reservations')) !== 0) throw new Error('reservations are held')
  },
  { deadlineMs: 30_000 },
)
const held = await gauge('tollgate_held_dollars')
let over = 0
for (let n = 0; n < CUSTOMERS; n++) {
  const { spend, litellm_budget_table } = await gateway.customer(`customer-${n}`)
  if (spend > litellm_budget_table.max_budget) over++
}
for (const key of keys) {
  const { json } = await server.ask(`/key/info?key=${key}`)
  if (json.info.spend > json.info.max_budget || json.info.held !== 0) over++
}
await server.stop()
const { rows, customers, faults } = await verify(server.databasePath)
await gateway[Symbol.asyncDispose]()

console.log(
  `${CALLS} calls in ${seconds.toFixed(0)} s; answers: ${JSON.stringify(Object.fromEntries(statuses))}`,
)
console.log(`held at the end: ${held} dollars; customers and keys over their budget: ${over}`)
console.log(`verify: ${customers} customers, ${rows} ledger rows, ${faults.length} faults`)
for (const fault of faults.slice(0, 10)) console.log(fault)
process.exit(held === 0 && over === 0 && faults.length === 0 && !statuses.has('failed') ? 0 : 1)

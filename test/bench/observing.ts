/**
 * What observing costs a call: its observation, and all that metrics count of it, as one thread of
 * work without the call itself. Five rounds after one that warms up; the best and the worst are
 * printed, for what else the machine does only ever makes a round slower.
 *
 *     bun test/bench/observing.ts
 */
import type { Deployment } from '../../src/gateway/deployments.ts'
import { ENDPOINTS } from '../../src/gateway/endpoint.ts'
import { Observation } from '../../src/gateway/observation.ts'
import { nanos } from '../../src/ledger/money.ts'
import { amountsOf, type LedgerRow } from '../../src/ledger/settlement.ts'
import { NO_USAGE } from '../../src/metering/usage.ts'
import { CallMetrics } from '../../src/observe/call-metrics.ts'
import { exposed } from '../../src/observe/exposition.ts'
import { deployment } from '../support/world.ts'

const CALLS = 300_000
const ROUNDS = 5
const MODELS = 20

const deployments = Array.from({ length: MODELS }, (_, n): Deployment => {
  return { ...deployment, id: `d${n}`, modelName: `model-${n}` }
})
const models = new Set(deployments.map(({ modelName }) => modelName))
const isServed = (model: string) => models.has(model)
const headers = new Headers({ 'content-type': 'application/json' })

function oneCall(metrics: CallMetrics, number: number) {
  const at = deployments[number % MODELS]!
  const seen = new Observation({ id: 'id', endpoint: ENDPOINTS.CHAT, headers }, [metrics])
  seen.asks({ model: at.modelName, customerId: 'alice', isStream: number % 2 === 0 })
  seen.admitted()
  seen.asking(at, headers)
  seen.firstByte()
  seen.settling(null)
  const row: LedgerRow = {
    id: 'id',
    tab: 1,
    customerId: `customer ${number % 500}`,
    keyId: null,
    model: at.modelName,
    deployment: at.id,
    outcome: 'ok',
    usageSource: 'upstream',
    usage: { ...NO_USAGE, input: 12, output: 30 },
    price: '{}',
    ...amountsOf(nanos(486)),
    startedAt: 0,
    settledAt: 0,
  }
  metrics.booked(row)
  seen.booked(row)
  seen.settled()
  seen.answered(200)
}

for (const byCustomer of [false, true]) {
  const metrics = new CallMetrics({ isServed, byCustomer })
  const rounds: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const began = performance.now()
    for (let number = 0; number < CALLS; number++) oneCall(metrics, number)
    if (round > 0) rounds.push(((performance.now() - began) / CALLS) * 1000)
  }
  const [best, worst] = [Math.min(...rounds).toFixed(2), Math.max(...rounds).toFixed(2)]
  const began = performance.now()
  const text = exposed(metrics.families())
  const ms = (performance.now() - began).toFixed(2)
  console.log(
    `${byCustomer ? 'with 500 customers' : 'by model'}: ${best} to ${worst} us a call; ` +
      `${MODELS} models are ${text.length} bytes, written in ${ms} ms`,
  )
}

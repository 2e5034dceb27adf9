import type { Config } from './config/config.ts'
import type { Outbox } from './events/outbox.ts'
import type { Exporters } from './exports/exports.ts'
import type { Accounts } from './gateway/accounts.ts'
import type { Call } from './gateway/call.ts'
import type { Checkpoints } from './gateway/checkpoints.ts'
import type { Deployments } from './gateway/deployments.ts'
import type { InFlight } from './gateway/in-flight.ts'
import { Observation, type Watcher } from './gateway/observation.ts'
import { dollarsText } from './ledger/money.ts'
import { CALL_LOG } from './observe/call-log.ts'
import { CallMetrics } from './observe/call-metrics.ts'
import { exposed } from './observe/exposition.ts'
import { ServerMetrics, type ServerState, spanFamily } from './observe/server-metrics.ts'
import { ownProcess } from './runtime/own-process.ts'
import type { Store } from './store/store.ts'
import { VERSION } from './version.ts'

/** Who watches the server, and what each is told. */
export type Observing = Awaited<ReturnType<typeof observing>>

export async function observing({ observing: asked }: Config, deployments: Deployments) {
  const calls = new CallMetrics({
    isServed: (model) => deployments.of(model).length > 0,
    byCustomer: asked.metricsByCustomer,
  })
  const server = new ServerMetrics()
  const traces = await tracesOf(asked)
  const watchers: readonly Watcher[] = [
    calls,
    ...(traces === null ? [] : [traces.watcher]),
    ...(asked.logCalls ? [CALL_LOG] : []),
  ]
  return {
    observe: (call: Pick<Call, 'id' | 'endpoint' | 'headers'>) => new Observation(call, watchers),
    booked: calls.booked,
    committed: server.committed,
    tried: server.delivered,
    metrics: (parts: Observed): string =>
      exposed([
        ...calls.families(),
        ...server.families(stateOf(parts)),
        ...(traces === null ? [] : [spanFamily(traces.counts)]),
      ]),
    /** Sends what is not sent yet; to be given up on when it takes too long. */
    stop: async () => traces?.stop(),
  }
}

/** OpenTelemetry is loaded for whoever has traces, and for nobody else. */
async function tracesOf({ tracing, tracesWithCustomer }: Config['observing']) {
  if (tracing === null) return null
  const { startTraces } = await import('./observe/otel.ts')
  return startTraces(tracing, {
    version: VERSION,
    withCustomer: tracesWithCustomer,
    now: Date.now,
  })
}

/** What is looked at when somebody asks for metrics. */
type Observed = {
  readonly store: Store
  readonly accounts: Accounts
  readonly inFlight: InFlight
  readonly checkpoints: Checkpoints
  readonly outbox: Outbox
  readonly exporters: Exporters
}

function stateOf({
  store,
  accounts,
  inFlight,
  checkpoints,
  outbox,
  exporters,
}: Observed): ServerState {
  const { count, money } = accounts.heldInAll()
  return {
    callsInFlight: inFlight.count,
    callsDraining: inFlight.draining,
    openStreams: checkpoints.count,
    reservations: count,
    held: dollarsText(money),
    isHealthy: store.isHealthy(),
    queue: store.queue,
    outbox: outboxOf(store, outbox),
    exports: exportsOf(store, exporters),
    version: VERSION,
    process: ownProcess(),
  }
}

/** Events of a receiver are counted up to this number. */
const EVENTS_MAX = 100_000

/** Also of receivers that the config has no more: what waits for them is worth a look. */
function outboxOf(store: Store, { receivers }: Outbox): ServerState['outbox'] {
  const { deliveries } = store
  try {
    const names = new Set([...receivers.map(({ name }) => name), ...deliveries.receivers()])
    return [...names].map((receiver) => ({
      receiver,
      pending: deliveries.count(receiver, 'pending', EVENTS_MAX),
      dead: deliveries.count(receiver, 'dead', EVENTS_MAX),
    }))
  } catch (error) {
    // A disk that fails is when metrics are looked at: all that is in memory is told all the same.
    if (store.refusalOf(error) === null) throw error
    return []
  }
}

/** Also of those that the config has no more. */
function exportsOf(store: Store, exporters: Exporters): ServerState['exports'] {
  try {
    return store.exports.states().map((state) => {
      const { name, oldestAt, waitingRows: rows, pendingEvents: pending, dead, sent } = state
      const oldestMs = oldestAt === null ? 0 : Math.max(0, Date.now() - oldestAt)
      const tries = exporters.activityOf(name)?.tries ?? {}
      return { name, rows, pending, dead, sent, oldestSeconds: oldestMs / 1000, tries }
    })
  } catch (error) {
    if (store.refusalOf(error) === null) throw error
    return []
  }
}

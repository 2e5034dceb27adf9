import { type ExportedTo, exportFamilies } from './export-metrics.ts'
import { type Family, gauge, type Sample } from './exposition.ts'
import { Histogram } from './histogram.ts'

/** Seconds: a commit takes a fraction of a millisecond, on a disk in trouble much more. */
const COMMIT_SECONDS = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
]

export type DeliveryResult = 'delivered' | 'failed' | 'dead'

/** What is looked at when somebody asks. */
export type ServerState = {
  readonly callsInFlight: number
  readonly callsDraining: number
  readonly openStreams: number
  readonly reservations: number
  /** Dollars as decimal text. */
  readonly held: string
  readonly isHealthy: boolean
  /** Writes that wait for a commit, and since when the first of them does, milliseconds. */
  readonly queue: { readonly length: number; readonly oldestMs: number }
  readonly outbox: readonly {
    readonly receiver: string
    readonly pending: number
    readonly dead: number
  }[]
  readonly exports: readonly ExportedTo[]
  readonly version: string
  readonly process: {
    readonly residentBytes: number
    readonly cpuSeconds: number
    readonly startedAtSeconds: number
    readonly runtime: string
    readonly runtimeVersion: string
  }
}

/** What is counted besides calls, and what the server is like at the moment. */
export class ServerMetrics {
  readonly #commits = new Histogram(COMMIT_SECONDS)
  readonly #deliveries = new Map<string, Map<DeliveryResult, number>>()

  /** A transaction of the flush loop, whatever came of it. */
  readonly committed = (ms: number) => this.#commits.observe(ms / 1000)

  /** One try to deliver an event. `dead`: it was the last. */
  readonly delivered = (receiver: string, result: DeliveryResult) => {
    const results = this.#deliveries.get(receiver) ?? new Map<DeliveryResult, number>()
    results.set(result, (results.get(result) ?? 0) + 1)
    this.#deliveries.set(receiver, results)
  }

  families(state: ServerState): Family[] {
    const exported = exportFamilies(state.exports)
    return [...stateFamilies(state), ...exported, ...this.#counted(), ...processFamilies(state)]
  }

  #counted(): Family[] {
    const deliveries = [...this.#deliveries].flatMap(([receiver, results]) =>
      [...results].map(([result, value]): Sample => ({ labels: { receiver, result }, value })),
    )
    return [
      {
        name: 'tollgate_commit_duration_seconds',
        help: 'Transactions of the flush loop.',
        type: 'histogram',
        samples: this.#commits.samples({}),
      },
      {
        name: 'tollgate_deliveries_total',
        help: 'Tries to deliver an event, by receiver and result.',
        type: 'counter',
        samples: deliveries,
      },
    ]
  }
}

/** What became of the spans of traces. */
export const spanFamily = (counts: Readonly<Record<string, number>>): Family => ({
  name: 'tollgate_spans_total',
  help: 'Spans by what became of them: sent, failed (the collector took none), or dropped.',
  type: 'counter',
  samples: Object.entries(counts).map(([result, value]) => ({ labels: { result }, value })),
})

function stateFamilies(state: ServerState): Family[] {
  const { queue, outbox } = state
  const events = outbox.flatMap(({ receiver, pending, dead }): Sample[] => [
    { labels: { receiver, status: 'pending' }, value: pending },
    { labels: { receiver, status: 'dead' }, value: dead },
  ])
  return [
    gauge('tollgate_calls_in_flight', 'Calls that are not settled yet.', state.callsInFlight),
    gauge(
      'tollgate_calls_draining',
      'Calls read on for clients that have left.',
      state.callsDraining,
    ),
    gauge('tollgate_open_streams', 'Streams that are not settled yet.', state.openStreams),
    gauge(
      'tollgate_held_reservations',
      'Calls in flight that money is held for.',
      state.reservations,
    ),
    gauge('tollgate_held_dollars', 'Dollars held for calls in flight.', state.held),
    gauge(
      'tollgate_database_writable',
      '0 while charges cannot be written, and no call is admitted.',
      Number(state.isHealthy),
    ),
    gauge('tollgate_flush_queue_length', 'Writes that wait for a commit.', queue.length),
    gauge(
      'tollgate_flush_queue_oldest_seconds',
      'How long the first of them has waited.',
      queue.oldestMs / 1000,
    ),
    {
      name: 'tollgate_outbox_events',
      help: 'Events that wait for a receiver, and those given up: counted up to 100,000 of each.',
      type: 'gauge',
      samples: events,
    },
  ]
}

function processFamilies({ version, process }: ServerState): Family[] {
  const { runtime, runtimeVersion } = process
  const cpu = gauge(
    'process_cpu_seconds_total',
    'Time of all threads on a processor.',
    process.cpuSeconds,
  )
  return [
    gauge(
      'process_resident_memory_bytes',
      'Memory that the process has in RAM.',
      process.residentBytes,
    ),
    { ...cpu, type: 'counter' },
    gauge(
      'process_start_time_seconds',
      'When the process began, since the epoch.',
      process.startedAtSeconds,
    ),
    {
      name: 'tollgate_build_info',
      help: 'Always 1; its labels say what runs.',
      type: 'gauge',
      samples: [{ labels: { version, runtime, runtime_version: runtimeVersion }, value: 1 }],
    },
  ]
}

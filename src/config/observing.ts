import type { MapField, Reader } from './reader.ts'
import { readTracing, type Tracing } from './tracing.ts'

/** What is told of calls, and where. */
export type Observing = {
  /** Whether `/metrics` tells customers apart. */
  readonly metricsByCustomer: boolean
  /** Null: calls are not traced. */
  readonly tracing: Tracing | null
  /** Whether a trace says whose call it is. */
  readonly tracesWithCustomer: boolean
}

export function readObserving(reader: Reader, tollgate: MapField | null): Observing {
  const flag = (name: string) => reader.flag(reader.field(tollgate, name)) ?? false
  return {
    metricsByCustomer: flag('metrics_by_customer'),
    tracing: readTracing(reader),
    tracesWithCustomer: flag('traces_with_customer'),
  }
}

import type { MapField, Reader } from './reader.ts'

/** What is told of calls, and where. */
export type Observing = {
  /** Whether `/metrics` tells customers apart. */
  readonly metricsByCustomer: boolean
}

export function readObserving(reader: Reader, tollgate: MapField | null): Observing {
  const flag = (name: string) => reader.flag(reader.field(tollgate, name)) ?? false
  return { metricsByCustomer: flag('metrics_by_customer') }
}

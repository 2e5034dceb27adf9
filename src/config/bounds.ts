import type { Config } from './config.ts'
import type { MapField, Reader } from './reader.ts'

const BYTES_PER_MB = 1_048_576
const BODIES_MB_MAX = 1_048_576
const A_DAY_SECONDS = 86_400

type Bounds = Pick<
  Config,
  | 'bodyBytesMax'
  | 'bodiesBytesMax'
  | 'bodyTimeoutMs'
  | 'uploads'
  | 'clientIdleMs'
  | 'callsInFlightMax'
>

/** How much the server takes on at once, and how long it waits for a client. */
export function readBounds(reader: Reader, tollgate: MapField | null): Bounds {
  const within = (name: string, what: string, bounds: { min: number; max: number }) =>
    reader.number(reader.field(tollgate, name), what, bounds)
  const seconds = (name: string) =>
    within(name, `a number of seconds from 0.1 to ${A_DAY_SECONDS}`, {
      min: 0.1,
      max: A_DAY_SECONDS,
    })
  const bodyMb =
    within('max_body_mb', 'a number of megabytes from 0.001 to 1024', { min: 0.001, max: 1024 }) ??
    10
  const bodiesMb = within(
    'max_bodies_mb',
    `a number of megabytes from ${bodyMb} (max_body_mb) to ${BODIES_MB_MAX}`,
    { min: bodyMb, max: BODIES_MB_MAX },
  )
  const uploadMb =
    within('max_upload_mb', 'a number of megabytes from 0.001 to 10240', {
      min: 0.001,
      max: 10_240,
    }) ?? 100
  const uploadsMb = within(
    'max_uploads_mb',
    `a number of megabytes from ${uploadMb} (max_upload_mb) to ${BODIES_MB_MAX}`,
    { min: uploadMb, max: BODIES_MB_MAX },
  )
  const bodyTimeoutMs = Math.round((seconds('body_timeout') ?? 120) * 1000)
  const calls = reader.field(tollgate, 'max_calls_in_flight')
  const callsMax = reader.number(calls, 'a whole number from 1 to 1000000', {
    min: 1,
    max: 1_000_000,
    isWhole: true,
  })
  return {
    bodyBytesMax: Math.round(bodyMb * BYTES_PER_MB),
    bodiesBytesMax: Math.round((bodiesMb ?? Math.max(bodyMb, 1024)) * BYTES_PER_MB),
    bodyTimeoutMs,
    uploads: {
      bytesMax: Math.round(uploadMb * BYTES_PER_MB),
      // As slow a client as is taken for any other body.
      timeoutMs: bodyTimeoutMs * Math.max(1, Math.ceil(uploadMb / bodyMb)),
      diskBytesMax: Math.round((uploadsMb ?? Math.max(uploadMb, 2048)) * BYTES_PER_MB),
    },
    clientIdleMs: Math.round((seconds('client_idle_timeout') ?? 600) * 1000),
    callsInFlightMax: callsMax ?? 10_000,
  }
}

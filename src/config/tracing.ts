import { AN_ADDRESS, isAddress, numberWithin, type Reader } from './reader.ts'

/** Which traces are kept. `parentbased_…`: as the client has decided, if it says so. */
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const

/** Where spans of calls are sent, and how. */
export type Tracing = {
  /** Takes OTLP over HTTP. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly sampler: (typeof SAMPLERS)[number]
  /** Share of the traces that `…traceidratio` keeps, 0 to 1. */
  readonly ratio: number
  /** How long a span may wait for others to be sent with, milliseconds. */
  readonly delayMs: number
  /** Spans sent together. */
  readonly batchMax: number
  /** Spans that wait; further ones are dropped. */
  readonly queueMax: number
  /** For an answer of the collector, milliseconds. */
  readonly timeoutMs: number
}

const OFF = /^true$/i

/**
 * What the environment says of traces, by OpenTelemetry's names
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/). Null: none are wanted.
 */
export function readTracing(reader: Reader): Tracing | null {
  const text = (name: string) => reader.environment(name)?.text.trim() ?? null
  const isOff = OFF.test(text('OTEL_SDK_DISABLED') ?? '') || text('OTEL_TRACES_EXPORTER') === 'none'
  const name = nameOf(reader, 'ENDPOINT')
  if (name === null || isOff) return null
  warnOfGrpc(reader)

  const number = (name: string, byDefault: number, most = 1_000_000) => {
    const written = text(name)
    if (written === null) return byDefault
    const value = numberWithin(written, { min: 1, max: most, isWhole: true })
    return value ?? reader.wrongVariable(name, `a whole number from 1 to ${most}`) ?? byDefault
  }
  const queueMax = number('OTEL_BSP_MAX_QUEUE_SIZE', 2_048)
  const timeout = nameOf(reader, 'TIMEOUT')
  return {
    url: urlOf(reader, name) ?? '',
    headers: headersOf(reader),
    ...samplingOf(reader),
    delayMs: number('OTEL_BSP_SCHEDULE_DELAY', 5_000),
    // A smaller batch than OpenTelemetry's 512: it is written as JSON in one go.
    batchMax: Math.min(queueMax, number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 128)),
    queueMax,
    timeoutMs: timeout === null ? 10_000 : number(timeout, 10_000),
  }
}

/** The variable of an exporter that is set: the one for traces alone comes first. */
function nameOf({ environment }: Reader, what: string): string | null {
  const names = [`OTEL_EXPORTER_OTLP_TRACES_${what}`, `OTEL_EXPORTER_OTLP_${what}`]
  return names.find((name) => environment(name) !== null) ?? null
}

/** Null, and reported, when it is no address. */
function urlOf(reader: Reader, name: string): string | null {
  const address = reader.environment(name)!.text.trim()
  if (!isAddress(address)) return reader.wrongVariable(name, AN_ADDRESS)
  const isWhole = name.includes('_TRACES_')
  return isWhole ? address : `${address.replace(/\/+$/, '')}/v1/traces`
}

/** `name=value,name=value`, as the specification of baggage has it: values are percent-encoded. */
function headersOf(reader: Reader): Record<string, string> {
  const name = nameOf(reader, 'HEADERS')
  if (name === null) return {}
  try {
    const pairs = reader
      .environment(name)!
      .text.split(',')
      .filter((pair) => pair.trim() !== '')
    const entries = pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at === -1) throw new TypeError('not a pair')
      return [pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())] as const
    })
    return Object.fromEntries(new Headers(Object.fromEntries(entries)))
  } catch {
    reader.wrongVariable(name, 'headers as name=value,name=value')
    return {}
  }
}

function samplingOf(reader: Reader): Pick<Tracing, 'sampler' | 'ratio'> {
  const given = reader.environment('OTEL_TRACES_SAMPLER')?.text.trim().toLowerCase()
  const sampler = SAMPLERS.find((known) => known === given)
  if (given !== undefined && sampler === undefined) {
    reader.wrongVariable('OTEL_TRACES_SAMPLER', `one of ${SAMPLERS.join(', ')}`)
  }
  const name = 'OTEL_TRACES_SAMPLER_ARG'
  const written = reader.environment(name)?.text
  const ratio = written === undefined ? 1 : numberWithin(written, { min: 0, max: 1 })
  const isAsked = sampler?.endsWith('traceidratio') ?? false
  if (ratio === null && isAsked) reader.wrongVariable(name, 'a number from 0 to 1')
  return { sampler: sampler ?? 'parentbased_always_on', ratio: ratio ?? 1 }
}

/** Its port takes no HTTP, so that every span would be lost without a reason that one sees. */
function warnOfGrpc(reader: Reader) {
  const name = nameOf(reader, 'PROTOCOL')
  if (name === null || reader.environment(name)?.text.trim() !== 'grpc') return
  const what =
    'is grpc, which is not spoken here: traces are sent as http/json, mostly to port 4318'
  reader.report.warning(0, `${name} in the environment ${what}`)
}

import type { LogFormat, LogLevel } from '../log.ts'
import { type Field, type MapField, type Reader, shownText } from './reader.ts'
import { readTracing, type Tracing } from './tracing.ts'

/** What is told of calls, and where. */
export type Observing = {
  /** Whether `/metrics` tells customers apart. */
  readonly metricsByCustomer: boolean
  /** Null: calls are not traced. */
  readonly tracing: Tracing | null
  /** Whether a trace says whose call it is. */
  readonly tracesWithCustomer: boolean
  /** Null: text where a person reads it, else JSON. */
  readonly logFormat: LogFormat | null
  readonly logLevel: LogLevel
  /** Whether each call is a line of the log. */
  readonly logCalls: boolean
}

const FORMATS = ['json', 'text'] as const
const LEVELS = ['info', 'warn', 'error'] as const

export function readObserving(
  reader: Reader,
  flags: { readonly logFormat?: string | undefined },
  { tollgate, litellm }: { tollgate: MapField | null; litellm: MapField | null },
): Observing {
  const flag = (name: string) => reader.flag(reader.field(tollgate, name)) ?? false
  return {
    metricsByCustomer: flag('metrics_by_customer'),
    tracing: readTracing(reader),
    tracesWithCustomer: flag('traces_with_customer'),
    logFormat: readFormat(reader, flags.logFormat, { tollgate, litellm }),
    logLevel: word(reader, 'LOG_LEVEL', LEVELS, reader.field(tollgate, 'log_level')) ?? 'info',
    logCalls: flag('log_calls'),
  }
}

function readFormat(
  reader: Reader,
  given: string | undefined,
  { tollgate, litellm }: { tollgate: MapField | null; litellm: MapField | null },
): LogFormat | null {
  const field = reader.field(tollgate, 'log_format')
  const set = word(reader, 'LOG_FORMAT', FORMATS, field)
  const ofLiteLLM = reader.flag(reader.field(litellm, 'json_logs')) === true ? 'json' : null
  if (given === undefined) return set ?? ofLiteLLM
  const format = FORMATS.find((known) => known === given)
  if (format !== undefined) return format
  reader.report.problem(0, `--log-format must be json or text, got ${shownText(given)}`)
  return null
}

/** A word that the environment has, or else the file. */
function word<Word extends string>(
  reader: Reader,
  variable: string,
  words: readonly Word[],
  field: Field | null,
): Word | null {
  const ofFile = reader.word(field, words)
  const text = reader.environment(variable)?.text.toLowerCase()
  if (text === undefined) return ofFile
  const found = words.find((known) => known === text)
  return found ?? reader.wrongVariable(variable, `one of ${words.join(', ')}`)
}

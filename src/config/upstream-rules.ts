import type { UpstreamRules } from './config.ts'
import type { Field, MapField, Reader } from './reader.ts'

const A_DAY_SECONDS = 86_400
const POLICIES = ['abort', 'drain'] as const

/**
 * What holds where nothing is said. No retries of a lone deployment: the official clients repeat a
 * failed call twice by themselves, and two layers that both do so send nine calls to an upstream
 * that is down.
 */
export const DEFAULT_UPSTREAM_RULES: UpstreamRules = {
  connectTimeoutMs: 10_000,
  idleTimeoutMs: null,
  totalTimeoutMs: 3_600_000,
  retriesMax: null,
  onDisconnect: 'abort',
  drainTimeoutMs: 120_000,
  drainTokensMax: 32_000,
  dropsParams: false,
}

/** `section` is `tollgate_settings` or one deployment's `litellm_params`; null: it is not there. */
export function readUpstreamRules(
  reader: Reader,
  section: MapField | null,
  { byDefault, retries }: { readonly byDefault: UpstreamRules; readonly retries: number | null },
): UpstreamRules {
  const seconds = (key: string) => readSeconds(reader, reader.field(section, key))
  const tokens = reader.number(
    reader.field(section, 'drain_max_tokens'),
    'a whole number of tokens from 0 to 1000000000',
    { min: 0, max: 1e9, isWhole: true },
  )
  const policy = reader.word(reader.field(section, 'on_disconnect'), POLICIES)
  return {
    connectTimeoutMs: seconds('connect_timeout') ?? byDefault.connectTimeoutMs,
    idleTimeoutMs: seconds('idle_timeout') ?? byDefault.idleTimeoutMs,
    totalTimeoutMs: seconds('total_timeout') ?? byDefault.totalTimeoutMs,
    retriesMax: retries ?? byDefault.retriesMax,
    onDisconnect: policy ?? byDefault.onDisconnect,
    drainTimeoutMs: seconds('drain_timeout') ?? byDefault.drainTimeoutMs,
    drainTokensMax: tokens ?? byDefault.drainTokensMax,
    dropsParams: reader.flag(reader.field(section, 'drop_params')) ?? byDefault.dropsParams,
  }
}

/** LiteLLM's number of retries; of the names that a section has for it the first counts. */
export function readRetries(
  reader: Reader,
  section: MapField | null,
  names: readonly string[],
): number | null {
  const field = names.map((name) => reader.field(section, name)).find((found) => found !== null)
  const bounds = { min: 0, max: 10, isWhole: true }
  return reader.number(field ?? null, 'a whole number of retries from 0 to 10', bounds)
}

/** A time in milliseconds, which configs give in seconds. */
export function readSeconds(reader: Reader, field: Field | null): number | null {
  const what = `a number of seconds from 0.001 to ${A_DAY_SECONDS}`
  const seconds = reader.number(field, what, { min: 0.001, max: A_DAY_SECONDS })
  return seconds === null ? null : Math.round(seconds * 1000)
}

import type { PassThrough } from './config.ts'
import { readHeaderMap } from './headers.ts'
import type { Field, MapField, Reader } from './reader.ts'
import { checkKeys } from './sections.ts'
import { readSeconds } from './upstream-rules.ts'

/** LiteLLM's, and all that it forwards where an endpoint names none. */
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const

/** Segments of what needs no decoding, so that a path is the same to everybody who reads it. */
const PATH = /^(\/(?!\.{1,2}(\/|$))[\w.~-]+)+$/

const DEFAULT_TIMEOUT_MS = 600_000

/**
 * `general_settings.pass_through_endpoints`, as LiteLLM has it
 * (https://docs.litellm.ai/docs/proxy/pass_through), but for what it says of keys: one is always
 * asked for here, the master key unless `keys` is true. Each that is right is a warning too, since
 * what goes through it is on nobody's tab.
 */
export function readPassThroughs(reader: Reader, general: MapField | null): PassThrough[] {
  const field = reader.field(general, 'pass_through_endpoints')
  const forAll = readSeconds(reader, reader.field(general, 'pass_through_request_timeout'))
  const found: PassThrough[] = []
  for (const item of reader.items(field, 'a list of maps with path and target')) {
    const entry = reader.map(item)
    const endpoint = entry === null ? null : readPassThrough(reader, entry, forAll)
    if (entry === null || endpoint === null) continue
    const { line } = entry.setting
    const { path, target } = endpoint
    if (found.some((other) => other.path === path)) {
      reader.report.problem(line, `${entry.name}.path ${path} is also that of an endpoint above`)
      continue
    }
    const where = new URL(target).host
    const what = `what is sent to ${path} goes to ${where} unmetered, on nobody's tab`
    reader.report.warning(line, `${entry.name}: ${what}, and no budget holds it back`)
    found.push(endpoint)
  }
  return found
}

function readPassThrough(
  reader: Reader,
  entry: MapField,
  timeoutForAll: number | null,
): PassThrough | null {
  checkKeys(reader, entry, 'pass_through')
  const path = readPath(reader, entry)
  const target = readTarget(reader, entry)
  const headers = readHeaderMap(reader, reader.map(reader.field(entry, 'headers')), 'any')
  const flag = (key: string) => reader.flag(reader.field(entry, key)) ?? false
  const includesBelow = flag('include_subpath')
  const forwardsHeaders = flag('forward_headers')
  const isForKeys = flag('keys')
  const methods = readMethods(reader, reader.field(entry, 'methods'))
  const timeoutMs = readSeconds(reader, reader.field(entry, 'timeout'))
  requireAuth(reader, reader.field(entry, 'auth'))
  if (path === null || target === null) return null
  return {
    path,
    target,
    headers,
    includesBelow,
    forwardsHeaders,
    isForKeys,
    methods,
    timeoutMs: timeoutMs ?? timeoutForAll ?? DEFAULT_TIMEOUT_MS,
  }
}

function readPath(reader: Reader, entry: MapField): string | null {
  const field = reader.field(entry, 'path')
  if (field === null) return reader.missing(entry, 'path', 'where clients send it, as in /rerank')
  const path = reader.text(field)?.replace(/\/+$/, '') ?? null
  if (path === null || PATH.test(path)) return path
  const what = 'a path such as /v1/rerank, of letters, digits and the signs - _ . ~'
  return reader.wrong(field, what)
}

function readTarget(reader: Reader, entry: MapField): string | null {
  const field = reader.field(entry, 'target')
  if (field === null) return reader.missing(entry, 'target', 'the address it is forwarded to')
  const target = reader.url(field)
  if (target === null) return null
  if (/[?#]/.test(target)) return reader.wrong(field, 'an address without ? and #')
  return new URL(target).href.replace(/\/+$/, '')
}

function readMethods(reader: Reader, field: Field | null): readonly string[] {
  const named = reader.items(field, `a list of ${METHODS.join(', ')}`).map((item) => {
    const words = METHODS.map((method) => method.toLowerCase())
    return reader.word(item, words)?.toUpperCase() ?? null
  })
  const methods = named.filter((method) => method !== null)
  return methods.length === 0 ? METHODS : methods
}

function requireAuth(reader: Reader, field: Field | null) {
  if (field === null || reader.flag(field) !== false) return
  const what = 'false is not supported: whoever sends something through needs a key'
  reader.report.problem(field.setting.line, `${field.name}: ${what}; remove it`)
}

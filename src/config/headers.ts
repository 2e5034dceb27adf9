import type { Field, MapField, Reader } from './reader.ts'
import { shownKey } from './yaml.ts'

/** What may stand in a header: https://www.rfc-editor.org/rfc/rfc9110#section-5 */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** These describe one connection or one body; each call has its own. */
const OWN_HEADERS = new Set([
  'connection',
  'content-length',
  'content-type',
  'host',
  'te',
  'transfer-encoding',
  'upgrade',
])

/** That of a body which is forwarded as it is may be set. */
const CONTENT_TYPE = 'content-type'

/** The name of a header in lower case. */
export function readHeaderName(reader: Reader, field: Field | null): string | null {
  const name = reader.text(field)
  if (field === null || name === null) return null
  if (HEADER_NAME.test(name)) return name.toLowerCase()
  return reader.wrong(field, 'the name of a header, such as x-customer-id')
}

/**
 * The headers that are sent with every call, by name in lower case, so that each is there once;
 * `organization` is one of OpenAI's.
 */
export function readHeaders(reader: Reader, params: MapField): Record<string, string> {
  const headers = new Map<string, string>()
  const organization = reader.field(params, 'organization')
  const organizationId = reader.text(organization)
  if (organization !== null && organizationId !== null) {
    if (HEADER_VALUE.test(organizationId)) headers.set('openai-organization', organizationId)
    else reader.wrong(organization, 'an id of OpenAI, as in org-abc123')
  }

  const map = reader.map(reader.field(params, 'extra_headers'))
  const extra = readHeaderMap(reader, map, 'ours')
  return { ...Object.fromEntries(headers), ...extra }
}

/** A map of headers, by name in lower case; `type` says whose the content type is. */
export function readHeaderMap(
  reader: Reader,
  map: MapField | null,
  type: 'ours' | 'any',
): Record<string, string> {
  const headers = new Map<string, string>()
  for (const [name, setting] of map?.setting.entries ?? []) {
    const field = { name: `${map?.name}.${shownKey(name)}`, setting, isSecret: true }
    const isNumber = setting.kind === 'scalar' && typeof setting.value === 'number'
    const value = isNumber ? String(setting.value) : reader.text(field)
    if (value === null) continue
    if (!HEADER_NAME.test(name)) {
      reader.report.problem(setting.line, `${field.name} cannot be the name of a header`)
    } else if (isOwn(name.toLowerCase(), type)) {
      const what = 'is a header that Tollgate sets for each call; remove it'
      reader.report.problem(setting.line, `${field.name} ${what}`)
    } else if (HEADER_VALUE.test(value)) headers.set(name.toLowerCase(), value)
    else reader.report.problem(setting.line, `${field.name} holds a sign that no header may hold`)
  }
  return Object.fromEntries(headers)
}

const isOwn = (name: string, type: 'ours' | 'any'): boolean =>
  OWN_HEADERS.has(name) && (type === 'ours' || name !== CONTENT_TYPE)

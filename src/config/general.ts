import { nearest } from '../errors.ts'
import type { Config } from './config.ts'
import { readHeaderName } from './headers.ts'
import { readPassThroughs } from './pass-through.ts'
import type { MapField, Reader } from './reader.ts'
import { checkKeys } from './sections.ts'

type General = Pick<
  Config,
  'masterKey' | 'userHeaderName' | 'customerHeaders' | 'budgetExceededStatus' | 'passThroughs'
>

/** `general_settings`, with what the environment says in place of it. */
export function readGeneral(reader: Reader, general: MapField | null): General {
  const status = reader.field(general, 'budget_exceeded_status')
  const whole = 'a whole number from 400 to 499'
  const bounds = { min: 400, max: 499, isWhole: true }
  const userHeaderName = readHeaderName(reader, reader.field(general, 'user_header_name'))
  return {
    masterKey: readMasterKey(reader, general),
    userHeaderName,
    customerHeaders: readCustomerHeaders(reader, general),
    budgetExceededStatus: reader.number(status, whole, bounds) ?? 429,
    passThroughs: readPassThroughs(reader, general),
  }
}

function readMasterKey(reader: Reader, general: MapField | null): string | null {
  const fromFile = reader.key(reader.field(general, 'master_key'))
  const fromEnvironment =
    reader.keyFromEnvironment('TOLLGATE_MASTER_KEY') ??
    reader.keyFromEnvironment('LITELLM_MASTER_KEY')
  return fromEnvironment ?? fromFile
}

/** LiteLLM takes a list of mappings, or one by itself. */
function readCustomerHeaders(reader: Reader, general: MapField | null): string[] {
  const field = reader.field(general, 'user_header_mappings')
  const mappings =
    field?.setting.kind === 'map'
      ? [field]
      : reader.items(field, 'a list of maps with header_name and litellm_user_role')
  const names: string[] = []
  for (const item of mappings) {
    const mapping = reader.map(item)
    if (mapping === null) continue
    checkKeys(reader, mapping, 'mapping')
    const nameField = reader.field(mapping, 'header_name')
    if (nameField === null) reader.missing(mapping, 'header_name', 'the header with the id')
    const name = readHeaderName(reader, nameField)
    if (isCustomerRole(reader, mapping) && name !== null) names.push(name)
  }
  return names
}

function isCustomerRole(reader: Reader, mapping: MapField): boolean {
  const field = reader.field(mapping, 'litellm_user_role')
  if (field === null) {
    reader.missing(mapping, 'litellm_user_role', 'customer for a header that names the customer')
    return false
  }
  const role = reader.text(field)?.toLowerCase()
  if (role === 'internal_user') {
    const what = 'internal_user is a role of LiteLLM that has no effect in Tollgate yet'
    reader.report.warning(field.setting.line, `${field.name}: ${what}`)
  } else if (role !== undefined && role !== 'customer') {
    reader.wrong(field, 'customer (or internal_user, which has no effect)')
  }
  return role === 'customer'
}

export function readTimezone(reader: Reader, litellm: MapField | null): string | null {
  const field = reader.field(litellm, 'timezone')
  const zone = reader.text(field)
  if (field === null || zone === null || isZone(zone)) return zone
  const meant = nearest(zone, Intl.supportedValuesOf('timeZone'))
  return reader.wrong(field, `an IANA time zone, such as ${meant ?? 'Europe/Berlin'}`)
}

/** Whether it is an IANA zone. Offsets such as +02:00 are none: they know of no summer time. */
export function isZone(zone: string): boolean {
  if (!/^[A-Za-z]/.test(zone)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) !== null
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

import {
  METER_VALUES,
  type Own,
  readIdSource,
  type StripeConfig,
  type StripeMeter,
} from './exporter.ts'
import type { MapField, Reader } from './reader.ts'
import { checkKeys } from './sections.ts'

const EVENT_NAME_MAX = 100
const STRIPE = 'https://api.stripe.com'

/** Of the thousand that Stripe allows: https://docs.stripe.com/rate-limits */
const PER_SECOND = 500
const PER_SECOND_MAX = 10_000

/** What an export of type `stripe` has besides its name. */
export function readStripe(reader: Reader, map: MapField): Own<StripeConfig> | null {
  const keyField = reader.field(map, 'api_key')
  if (keyField === null) {
    reader.missing(map, 'api_key', 'a secret key of Stripe, such as os.environ/STRIPE_API_KEY')
  }
  const apiKey = reader.key(keyField)
  const apiBase = reader.url(reader.field(map, 'api_base')) ?? STRIPE
  const meters = readMeters(reader, map)
  const customer = readIdSource(reader, reader.field(map, 'customer')) ?? {
    metadata: 'stripe_customer_id',
  }
  const perSecond =
    reader.number(
      reader.field(map, 'requests_per_second'),
      `a whole number from 1 to ${PER_SECOND_MAX}`,
      { min: 1, max: PER_SECOND_MAX, isWhole: true },
    ) ?? PER_SECOND
  if (apiKey === null) return null
  return {
    type: 'stripe',
    apiKey,
    apiBase: apiBase.replace(/\/+$/, ''),
    meters,
    customer,
    perSecond,
  }
}

function readMeters(reader: Reader, map: MapField): readonly StripeMeter[] {
  const list = reader.field(map, 'meters')
  const what = 'a list of maps, each with an event_name and a value'
  const items = reader.items(list, what)
  if (list === null) reader.missing(map, 'meters', what)
  else if (list.setting.kind === 'list' && items.length === 0) reader.wrong(list, what)
  const meters: StripeMeter[] = []
  for (const item of items) {
    const field = reader.map(item)
    const meter = field === null ? null : readMeter(reader, field)
    if (field === null || meter === null) continue
    if (meters.some((other) => JSON.stringify(other) === JSON.stringify(meter))) {
      reader.report.problem(field.setting.line, `${field.name} is there twice; remove one of them`)
    }
    meters.push(meter)
  }
  return meters
}

function readMeter(reader: Reader, map: MapField): StripeMeter | null {
  checkKeys(reader, map, 'meter')
  const nameField = reader.field(map, 'event_name')
  if (nameField === null) reader.missing(map, 'event_name', 'that of a meter in Stripe')
  const eventName = reader.text(nameField)
  const isTooLong = eventName !== null && eventName.length > EVENT_NAME_MAX
  if (nameField !== null && isTooLong) {
    reader.wrong(nameField, `a name of at most ${EVENT_NAME_MAX} characters`)
  }
  const valueField = reader.field(map, 'value')
  if (valueField === null) reader.missing(map, 'value', `one of ${METER_VALUES.join(', ')}`)
  const value = reader.word(valueField, METER_VALUES)
  const model = reader.text(reader.field(map, 'model'))
  return eventName === null || value === null ? null : { eventName, value, model }
}

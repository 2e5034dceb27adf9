import { type CloudEventsConfig, type Own, readIdSource } from './exporter.ts'
import type { MapField, Reader } from './reader.ts'

/** Lago takes no more at once: https://getlago.com/docs/api-reference/events/batch */
const BATCH = 100
const BATCH_MAX = { openmeter: 1_000, lago: 100 } as const

const LAGO = 'https://api.getlago.com/api/v1/events/batch'
const FORMATS = ['openmeter', 'lago'] as const

/** Who knows a customer by what, unless the config says so. */
const CUSTOMER = { openmeter: 'user_id', lago: { metadata: 'lago_subscription_id' } } as const

/** What an export of type `cloudevents` has besides its name. */
export function readCloudEvents(reader: Reader, map: MapField): Own<CloudEventsConfig> | null {
  const format = reader.word(reader.field(map, 'format'), FORMATS) ?? 'openmeter'
  const urlField = reader.field(map, 'url')
  if (urlField === null && format === 'openmeter') {
    reader.missing(map, 'url', 'where events are POSTed, such as https://…/api/v1/events')
  }
  const url = urlField === null ? LAGO : reader.url(urlField)
  const apiKey = reader.key(reader.field(map, 'api_key'))
  const eventType = reader.text(reader.field(map, 'event_type')) ?? 'llm_call'
  const source = reader.text(reader.field(map, 'source')) ?? 'tollgate'
  const customer = readIdSource(reader, reader.field(map, 'customer')) ?? CUSTOMER[format]
  const batchField = reader.field(map, 'batch_size')
  const most = BATCH_MAX[format]
  const bounds = { min: 1, max: most, isWhole: true }
  const batchMax = reader.number(batchField, `a whole number from 1 to ${most}`, bounds) ?? BATCH
  if (url === null) return null
  return { type: 'cloudevents', format, url, apiKey, eventType, source, customer, batchMax }
}

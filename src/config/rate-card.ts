import { readCard } from '../metering/rate-card.ts'
import type { MapField, Reader } from './reader.ts'

/** `tollgate_settings.rate_card`: the card of whoever has no other, as JSON. Null: none. */
export function readDefaultCard(reader: Reader, tollgate: MapField | null): string | null {
  const map = reader.map(reader.field(tollgate, 'rate_card'))
  if (map === null) return null
  const read = readCard(reader.json(map))
  if ('text' in read) return read.text
  const [part = ''] = read.key.split('.')
  const { line } = map.setting.entries.get(part) ?? map.setting
  const where = read.key === '' || read.problem.startsWith('has no') ? '' : `.${read.key}`
  reader.report.problem(line, `${map.name}${where} ${read.problem}`)
  return null
}

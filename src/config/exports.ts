import { readCloudEvents } from './cloud-events-export.ts'
import type { CsvConfig, ExporterConfig, Own } from './exporter.ts'
import type { Field, MapField, Reader } from './reader.ts'
import { checkKeys } from './sections.ts'
import { readStripe } from './stripe-export.ts'

const NAME = /^[\w.-]{1,64}$/
const A_NAME = 'a name of up to 64 letters, digits, dots, hyphens and underscores'
const DAY = /^\d{4}-\d{2}-\d{2}$/
const TYPES = ['stripe', 'cloudevents', 'csv'] as const

/** `tollgate_settings.exports`. */
export function readExports(reader: Reader, tollgate: MapField | null): readonly ExporterConfig[] {
  const list = reader.field(tollgate, 'exports')
  const exporters: ExporterConfig[] = []
  for (const item of reader.items(list, 'a list of maps, each with a name and a type')) {
    const map = reader.map(item)
    const exporter = map === null ? null : readExporter(reader, map)
    if (map === null || exporter === null) continue
    const { name } = exporter
    if (exporters.some((other) => other.name === name)) {
      const what = `is "${name}", that of another export too; give each a name of its own`
      reader.report.problem(map.setting.line, `${map.name}.name ${what}`)
    }
    exporters.push(exporter)
  }
  return exporters
}

function readExporter(reader: Reader, map: MapField): ExporterConfig | null {
  const typeField = reader.field(map, 'type')
  if (typeField === null) reader.missing(map, 'type', `one of ${TYPES.join(', ')}`)
  const type = reader.word(typeField, TYPES)
  if (type === null) return null
  checkKeys(reader, map, `${type}_export`)
  const base = { name: readName(reader, map), since: readSince(reader, reader.field(map, 'since')) }
  const readers = { stripe: readStripe, cloudevents: readCloudEvents, csv: readCsv }
  const own = readers[type](reader, map)
  const { name } = base
  return own === null || name === null ? null : { ...base, name, ...own }
}

function readName(reader: Reader, map: MapField): string | null {
  const field = reader.field(map, 'name')
  if (field === null)
    return reader.missing(map, 'name', 'what the export is called, such as stripe')
  const name = reader.text(field)
  return name === null || NAME.test(name) ? name : reader.wrong(field, A_NAME)
}

/** A day or a time; YAML has its own dates, which are text here. */
function readSince(reader: Reader, field: Field | null): number | null {
  const text = reader.text(field)
  if (field === null || text === null) return null
  const at = Date.parse(DAY.test(text) ? `${text}T00:00:00Z` : text)
  return Number.isFinite(at) && /^\d{4}-/.test(text)
    ? at
    : reader.wrong(field, 'a day or a time, such as 2026-11-01 or 2026-11-01T00:00:00Z')
}

function readCsv(reader: Reader, map: MapField): Own<CsvConfig> | null {
  const field = reader.field(map, 'directory')
  if (field === null) return reader.missing(map, 'directory', 'the folder of the files')
  const directory = reader.text(field)
  return directory === null ? null : { type: 'csv', directory }
}

import type { Family, Sample } from './exposition.ts'

/** How far an export is. */
export type ExportedTo = {
  readonly name: string
  /** Rows in no event yet, events that were not taken, and requests that were refused. */
  readonly rows: number
  readonly pending: number
  readonly dead: number
  /** Events that were taken since it began. */
  readonly sent: number
  /** How long the oldest of what waits has. */
  readonly oldestSeconds: number
  /** Since the start, by what came of them. */
  readonly tries: Readonly<Record<string, number>>
}

/** Nothing where nothing is exported: a family without a number is left out. */
export function exportFamilies(exports: readonly ExportedTo[]): Family[] {
  const each = (samples: (of: ExportedTo) => Sample[]) => exports.flatMap(samples)
  const gauge = (name: string, help: string, samples: Sample[]): Family => ({
    name: `tollgate_export_${name}`,
    help,
    type: 'gauge',
    samples,
  })
  return [
    gauge(
      'waiting',
      'What waits for an export, of much only so much: ledger rows, and events made of them.',
      each(({ name, rows, pending }) => [
        { labels: { export: name, unit: 'rows' }, value: rows },
        { labels: { export: name, unit: 'events' }, value: pending },
      ]),
    ),
    gauge(
      'dead',
      'Requests that were refused for good and are kept.',
      each(({ name, dead }) => [{ labels: { export: name }, value: dead }]),
    ),
    gauge(
      'oldest_seconds',
      'How long ago the oldest row settled that waits for an export; 0: none does.',
      each(({ name, oldestSeconds }) => [{ labels: { export: name }, value: oldestSeconds }]),
    ),
    {
      name: 'tollgate_export_events_total',
      help: 'Events that were taken since the export began, also by earlier processes.',
      type: 'counter',
      samples: each(({ name, sent }) => [{ labels: { export: name }, value: sent }]),
    },
    {
      name: 'tollgate_export_tries_total',
      help: 'Requests, or writes of a file, by what came of them: taken, failed or dead.',
      type: 'counter',
      samples: each(({ name, tries }) =>
        Object.entries(tries).map(([result, value]) => ({
          labels: { export: name, result },
          value,
        })),
      ),
    },
  ]
}

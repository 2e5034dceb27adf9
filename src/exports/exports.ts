import type { ExporterConfig } from '../config/exporter.ts'
import type { ExportRow, ExportState } from '../ledger/parcel.ts'
import { cloudEventsWire, planEvents } from './cloud-events.ts'
import type { Exporter, Tries } from './exporter.ts'
import { type FileStore, FileWriter, type Lines } from './files.ts'
import { namedMeters, planMeters } from './meters.ts'
import { Sender, type SenderStore } from './sender.ts'
import { stripeWire } from './stripe.ts'

/** What all exporters together need of the store. */
export type ExportStore = SenderStore &
  FileStore & {
    rowsOf(ids: readonly string[]): readonly ExportRow[]
    restOf(name: string, meter: string, tab: number): number
    metadataOf(tab: number): Readonly<Record<string, unknown>>
    states(): readonly ExportState[]
    onAdded(told: () => void): void
  }

export type ExportParts = {
  readonly store: ExportStore
  readonly lines: Lines
  readonly now: () => number
  readonly random: () => number
}

/** All exporters of the config, each by itself: one that fails delays none of the others. */
export class Exporters {
  readonly #exporters: readonly Exporter[]

  constructor(configs: readonly ExporterConfig[], parts: ExportParts) {
    this.#exporters = configs.map((config) => exporterOf(config, parts))
    if (configs.length > 0) parts.store.onAdded(() => this.wake())
  }

  get names(): readonly string[] {
    return this.#exporters.map(({ name }) => name)
  }

  wake() {
    for (const exporter of this.#exporters) exporter.wake()
  }

  /** What came of its tries since the start; null: the config has none of the name. */
  activityOf(name: string): { tries: Tries; lastFailure: Exporter['lastFailure'] } | null {
    const exporter = this.#exporters.find((known) => known.name === name)
    return exporter === undefined ? null : exporter
  }

  /** Sends what waits, as long as `patience` lasts, and then begins nothing more. */
  async stop(patience: Promise<void>) {
    const drained = Promise.all(this.#exporters.map((exporter) => exporter.drain()))
    await Promise.race([drained.catch(() => {}), patience])
    const stopped = Promise.all(this.#exporters.map((exporter) => exporter.stop()))
    await Promise.race([stopped, patience])
  }
}

function exporterOf(config: ExporterConfig, parts: ExportParts): Exporter {
  const { store, now } = parts
  if (config.type === 'csv') return new FileWriter(config, parts)
  if (config.type === 'cloudevents') {
    const wire = cloudEventsWire(config, { ...store, now })
    return new Sender(config, { wire, plan: (rows) => planEvents(rows, config.batchMax) }, parts)
  }
  const meters = namedMeters(config.name, config.meters)
  const restOf = (meter: string, tab: number) => store.restOf(config.name, meter, tab)
  const wire = stripeWire(config, { ...store, now })
  return new Sender(config, { wire, plan: (rows) => planMeters(rows, meters, restOf) }, parts)
}

/** What an operator should know at the start. */
export function exportWarnings(
  configs: readonly ExporterConfig[],
  states: readonly ExportState[],
): string[] {
  const unknown = states.filter(({ name }) => configs.every((config) => config.name !== name))
  const moved = configs.flatMap((config) => {
    const state = states.find(({ name }) => name === config.name)
    return state === undefined || state.since === config.since ? [] : [config.name]
  })
  return [
    ...unknown.map(
      ({ name, waitingRows, pendingEvents }) =>
        `the config has no export ${name} any more, for which ${waitingRows + pendingEvents} ` +
        'rows or more wait: they are kept, as new ones are, and sent when it is there again. ' +
        `POST /exports/discard {"export": "${name}", "what": "all"} forgets it`,
    ),
    ...moved.map(
      (name) =>
        `since of the export ${name} is another than when it began, which has no effect: give it ` +
        'another name to begin anew',
    ),
  ]
}

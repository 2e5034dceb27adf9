import type { Config } from './config/config.ts'
import { Exporters, exportWarnings } from './exports/exports.ts'
import { headOf, lineOf } from './http/export.ts'
import { logWarning } from './log.ts'
import type { Store } from './store/store.ts'

/** Takes up the exports of the config: to be called before anything is booked. */
export async function exporting({ exports }: Config, store: Store): Promise<Exporters> {
  await store.exports.begin(exports)
  for (const warning of exportWarnings(exports, store.exports.states())) logWarning(warning)
  return new Exporters(exports, {
    store: store.exports,
    lines: { head: headOf('csv'), lineOf: (record) => lineOf('csv', record) },
    now: Date.now,
    random: Math.random,
  })
}

import type { ExportParts } from '../../src/http/exports.ts'
import type { ExportState } from '../../src/ledger/parcel.ts'
import { NOW } from './fake-store.ts'

export const A_STATE: ExportState = {
  name: 'stripe',
  type: 'stripe',
  since: null,
  waitingRows: 2,
  pendingEvents: 3,
  dead: 1,
  sent: 40,
  skipped: 5,
  oldestAt: NOW,
  sentAt: null,
}

/** Exports of which `stripe` is in the config and `old` is not; `did` says what was asked of them. */
export function fakeExports(dead = 1) {
  const did: string[] = []
  const kept = Array.from({ length: dead }, (_, index) => ({
    id: dead - index,
    exporter: 'stripe',
    events: 1,
    lane: null,
    content: '{"value":"7"}',
    queuedAt: NOW,
    attempts: 1,
    unsureSince: null,
    error: 'status 400: no such customer',
  }))
  const parts: ExportParts = {
    exports: {
      states: () => [A_STATE, { ...A_STATE, name: 'old' }],
      dead: ({ before, limit }) =>
        kept.filter(({ id }) => before === null || id < before).slice(0, limit),
      async replay(name, ids) {
        did.push(`replay ${ids ?? 'all'} of ${name}`)
        return ids?.length ?? 1
      },
      async discardDead(name) {
        did.push(`discard the dead of ${name}`)
        return 1
      },
      async discard(name) {
        did.push(`discard ${name}`)
        return A_STATE
      },
    },
    exporters: {
      wake: () => void did.push('wake'),
      activityOf: (name) =>
        name === 'stripe' ? { lastFailure: { at: NOW, error: 'status 500' } } : null,
    },
  }
  return { parts, did }
}

import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import type { ExportState, Parcel } from '../ledger/parcel.ts'
import {
  failureJson,
  Id,
  NextCursor,
  NullableFailure,
  NullableText,
  Time,
  timeText,
} from './fields.ts'
import { JSON_BODY } from './json-body.ts'
import { operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { checked } from './schema.ts'

type Failure = { readonly at: number; readonly error: string }

export type ExportParts = {
  readonly exports: {
    states(): readonly ExportState[]
    /** Newest first. */
    dead(query: {
      readonly exporter: string | null
      readonly before: number | null
      readonly limit: number
    }): readonly (Parcel & { readonly exporter: string })[]
    replay(name: string, ids: readonly number[] | null): Promise<number>
    discardDead(name: string): Promise<number>
    discard(name: string): Promise<ExportState>
  }
  readonly exporters: {
    wake(): void
    /** Null: the config has none of the name. */
    activityOf(name: string): { readonly lastFailure: Failure | null } | null
  }
}

const tag = 'Exports'
const PAGE_SIZE = 100
const IDS_MAX = 1_000
const closed = { additionalProperties: false }

const exportField = (description: string) =>
  Id({ description: `The name of an export. ${description}`, examples: ['stripe'] })

const DeadFields = Type.Object(
  {
    export: Type.Optional(exportField('Only its own.')),
    cursor: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'The `next_cursor` of the page before.',
        examples: [1_000],
      }),
    ),
  },
  closed,
)

const Replay = checked(
  Type.Object(
    {
      export: exportField('What is dead of it is sent again.'),
      ids: Type.Optional(
        Type.Array(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, examples: [12] }), {
          minItems: 1,
          maxItems: IDS_MAX,
          description: 'Only these, as `/exports/dead` lists them.',
          examples: [[12]],
        }),
      ),
    },
    { ...closed, examples: [{ export: 'stripe' }] },
  ),
)

const Discard = checked(
  Type.Object(
    {
      export: exportField('What waits for it is given up for good.'),
      what: Type.Enum(['dead', 'all'], {
        type: 'string',
        description:
          '`dead`: what was refused. `all`: everything, and the export itself; only of one that ' +
          'the config has no more.',
        examples: ['dead'],
      }),
    },
    { ...closed, examples: [{ export: 'stripe', what: 'dead' }] },
  ),
)

const count = (description: string, example: number) =>
  Type.Integer({ description, examples: [example] })

const NullableTime = (about: { description: string; examples: readonly unknown[] }) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], ...about })

const StateSchema = Type.Object(
  {
    name: Type.String({ description: 'Its name in the config.', examples: ['stripe'] }),
    type: Type.String({ description: 'What kind it is.', examples: ['stripe'] }),
    configured: Type.Boolean({
      description: 'Whether the config has it. If not, what waits is kept, and new rows are too.',
      examples: [true],
    }),
    waiting_rows: count('Rows of the ledger that are in no event yet; of many, some.', 0),
    pending_events: count('Events that were not taken yet, counted up to 10,000 requests.', 0),
    oldest_at: NullableTime({
      description: 'When the oldest row that waits settled. Null: nothing waits.',
      examples: ['2026-11-01T09:30:00.000Z'],
    }),
    sent_events: count('Events that were taken since it began.', 1_250),
    skipped_rows: count('Rows that named no customer, and so are not sent.', 0),
    dead: count('Requests that were refused for good: see `/exports/dead`.', 0),
    last_sent_at: NullableTime({
      description: 'When something was taken last. Null: never.',
      examples: ['2026-11-01T09:30:00.000Z'],
    }),
    last_failure: NullableFailure('a try'),
  },
  closed,
)

const DeadSchema = Type.Object(
  {
    id: count('Names it for a replay.', 12),
    export: Type.String({ description: 'Whose it is.', examples: ['stripe'] }),
    events: count('Events in it.', 1),
    error: NullableText({ description: 'Why it was refused.', examples: ['status 400'] }),
    settled_at: Time({
      description: 'When the first of its rows settled.',
      examples: ['2026-11-01T09:30:00.000Z'],
    }),
    content: Type.Unknown({
      description: 'The event, or the ids of the ledger rows whose events they are.',
      examples: [['01M85YX12J9XZEJ9BVTRXF62MV']],
    }),
  },
  closed,
)

export const exportNotFound = (name: string, names: readonly string[]) => {
  const there = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`
  return new Refusal('not_found', `No export '${name}'; ${there}.`, { param: 'export' })
}

const stillConfigured = (name: string) =>
  new Refusal(
    'conflict',
    `The config still has the export '${name}': remove it there and restart first. ` +
      '"what": "dead" gives up what was refused.',
    { param: 'what' },
  )

export function exportRoutes({ exports, exporters }: ExportParts) {
  const requireExport = (name: string) => {
    const names = exports.states().map((state) => state.name)
    if (!names.includes(name)) throw exportNotFound(name, names)
  }
  const stateJson = (state: ExportState) => {
    const activity = exporters.activityOf(state.name)
    return {
      name: state.name,
      type: state.type,
      configured: activity !== null,
      waiting_rows: state.waitingRows,
      pending_events: state.pendingEvents,
      oldest_at: nullableTime(state.oldestAt),
      sent_events: state.sent,
      skipped_rows: state.skipped,
      dead: state.dead,
      last_sent_at: nullableTime(state.sentAt),
      last_failure: failureJson(activity?.lastFailure ?? null),
    }
  }

  return new Elysia({ normalize: false })
    .get('/exports', () => exports.states().map(stateJson), {
      detail: operation({
        tag,
        summary: 'How far each export is',
        description: 'Those of the config, and those for which something is still kept.',
        answer: { description: 'The exports.', schema: Type.Array(StateSchema) },
      }),
    })
    .get(
      '/exports/dead',
      ({ query }) => {
        const { export: exporter = null, cursor: before = null } = query
        const found = exports.dead({ exporter, before, limit: PAGE_SIZE + 1 })
        const page = found.slice(0, PAGE_SIZE)
        const isLast = page.length === found.length
        return { dead: page.map(deadJson), next_cursor: isLast ? null : page.at(-1)!.id }
      },
      {
        transform: plainQuery,
        query: checked(DeadFields),
        detail: operation({
          tag,
          summary: 'List what was refused for good',
          description: `Newest first, ${PAGE_SIZE} on a page; kept until replayed or discarded.`,
          answer: {
            description: 'A page.',
            schema: Type.Object(
              {
                dead: Type.Array(DeadSchema),
                next_cursor: NextCursor,
              },
              closed,
            ),
          },
        }),
      },
    )
    .post(
      '/exports/replay',
      async ({ body: { export: name, ids } }) => {
        requireExport(name)
        const replayed = await exports.replay(name, ids === undefined ? null : [...new Set(ids)])
        exporters.wake()
        return { replayed }
      },
      {
        parse: JSON_BODY,
        body: Replay,
        detail: operation({
          tag,
          summary: 'Send again what was refused',
          description:
            'Under the same identifiers. After the reason is put right: a customer of the ' +
            'billing system, its metadata here.',
          answer: {
            description: 'How many requests.',
            schema: Type.Object({ replayed: count('Requests that wait again.', 2) }, closed),
          },
          refusals: [exportNotFound('crm', ['stripe'])],
        }),
      },
    )
    .post(
      '/exports/discard',
      async ({ body: { export: name, what } }) => {
        requireExport(name)
        if (what === 'dead') return { discarded: await exports.discardDead(name) }
        if (exporters.activityOf(name) !== null) throw stillConfigured(name)
        const { waitingRows, pendingEvents, dead } = await exports.discard(name)
        return { discarded: waitingRows + pendingEvents + dead }
      },
      {
        parse: JSON_BODY,
        body: Discard,
        detail: operation({
          tag,
          summary: 'Give up what waits',
          description:
            'For good. The ledger keeps its rows; only that they are to be sent is over.',
          answer: {
            description: 'How much.',
            schema: Type.Object(
              { discarded: count('Requests that were dead, or all that waited.', 2) },
              closed,
            ),
          },
          refusals: [exportNotFound('crm', ['stripe']), stillConfigured('stripe')],
        }),
      },
    )
}

const nullableTime = (at: number | null) => (at === null ? null : timeText(at))

const deadJson = (parcel: Parcel & { readonly exporter: string }) => ({
  id: parcel.id,
  export: parcel.exporter,
  events: parcel.events,
  error: parcel.error,
  settled_at: timeText(parcel.queuedAt),
  content: JSON.parse(parcel.content) as unknown,
})

import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import type { LedgerRecord, RecordFilter, RecordOrder, RecordSlice } from '../ledger/record.ts'
import { pathOf } from './address.ts'
import { type DayParts, daySummary, SummarySchema } from './day-summary.ts'
import { CONTENT_TYPE_OF, EXPORT_FORMATS, type ExportFormat, headOf, lineOf } from './export.ts'
import { Id } from './fields.ts'
import { shown } from './misfit.ts'
import { named, operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { recordJson } from './record-json.ts'
import { RECORD_FIELDS, readRecordFilter } from './record-query.ts'
import { checked } from './schema.ts'

/** What these routes need of the store. */
export type RecordStore = {
  find(id: string, filter: RecordFilter): LedgerRecord | null
  /** `after` is the id of a row for which `isPlace`. */
  slices(
    filter: RecordFilter,
    from: { readonly after: string | null; readonly order: RecordOrder; readonly rows: number },
  ): AsyncGenerator<RecordSlice>
  isPlace(id: string, filter: RecordFilter): boolean
}

export type RecordParts = DayParts & {
  readonly reports: RecordStore
  /** Of a deployment; empty for one that is not served any more. */
  providerOf(deployment: string): string
  now(): number
}

const PAGE_SIZE = 100
const PAGE_SIZE_MAX = 1_000

/** Rows read at a time: a few milliseconds. */
const SLICE_ROWS = 250

/** Rows looked at for one page: where few of them fit, it ends early, and the next one goes on. */
const LOOKED_MAX = 20_000

const LogsQuery = checked(
  Type.Object(
    {
      ...RECORD_FIELDS,
      summarize: Type.Optional(
        Type.Boolean({
          description:
            'With both dates it is true by default, as in LiteLLM: a sum for each day, ' +
            'and not the calls.',
          examples: [false],
        }),
      ),
      page_size: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: PAGE_SIZE_MAX,
          description: `Calls on a page, ${PAGE_SIZE} by default.`,
          examples: [PAGE_SIZE],
        }),
      ),
      cursor: Type.Optional(
        Id({
          description: 'From `x-next-cursor` of the page before.',
          examples: ['01M85YX12J9XZEJ9BVTRXF62MV'],
        }),
      ),
    },
    { additionalProperties: false },
  ),
)

const ExportQuery = checked(
  Type.Object(
    {
      format: Type.Optional(
        Type.Enum([...EXPORT_FORMATS], {
          type: 'string',
          description: 'CSV (the default) or JSON lines.',
          examples: ['csv'],
        }),
      ),
      ...RECORD_FIELDS,
    },
    { additionalProperties: false },
  ),
)

const unknownCursor = (cursor: string) =>
  new Refusal(
    'invalid_request',
    `cursor must be that of a page with the same filters, got ${shown(cursor)}`,
    { param: 'cursor' },
  )
const noSummary = (name: string) =>
  new Refusal(
    'invalid_request',
    `A summary by day cannot be had by ${name}; send summarize=false for the calls themselves`,
    { param: 'summarize' },
  )
const needsDates = new Refusal(
  'invalid_request',
  'A summary by day needs start_date and end_date',
  { param: 'summarize' },
)

export const recordRoutes = (parts: RecordParts) =>
  new Elysia({ normalize: false })
    .get(
      '/spend/logs',
      async ({ query, set, request }) => {
        const filter = readRecordFilter(query)
        if (isSummary(query)) return daySummary(filter, parts)
        const { page_size: size = PAGE_SIZE, cursor, request_id: id } = query
        const json = (record: LedgerRecord) => recordJson(record, parts.providerOf)
        if (id !== undefined) return [parts.reports.find(id, filter)].filter(isThere).map(json)
        if (cursor !== undefined && !parts.reports.isPlace(cursor, filter)) {
          throw unknownCursor(cursor)
        }
        const { records, next } = await pageOf(parts.reports, filter, { size, cursor })
        Object.assign(set.headers, nextHeaders(pathOf(request.url), query, next))
        return records.map(json)
      },
      {
        transform: plainQuery,
        query: LogsQuery,
        detail: operation({
          tag: 'Spend',
          summary: 'What was used, call by call',
          description:
            'As LiteLLM, newest first, a page at a time: the next one is at the `Link` and ' +
            'behind the `cursor`, which stay good while calls come in. A page may have fewer ' +
            'calls than asked for, or none, and a next one all the same. Times are those at ' +
            'which calls settled, so that the calls of a period are those in its spend. With ' +
            'both dates, LiteLLM answers a sum for each day unless `summarize=false`.',
          answer: {
            description: 'Calls, or with `summarize` days.',
            schema: Type.Array(
              Type.Unsafe<unknown>({
                anyOf: [named('Record'), SummarySchema],
                description: 'A call, or a day.',
              }),
            ),
            headers: {
              'x-next-cursor': {
                description: 'Send it as `cursor` for the next page, if there is one.',
                schema: Type.String({ examples: ['01M85YX12J9XZEJ9BVTRXF62MV'] }),
              },
              link: {
                description: 'Where the next page is, if there is one.',
                schema: Type.String({
                  examples: ['</spend/logs?cursor=01M85YX12J9XZEJ9BVTRXF62MV>; rel="next"'],
                }),
              },
            },
          },
          refusals: [unknownCursor('x'), noSummary('outcome'), needsDates],
        }),
      },
    )
    .get(
      '/spend/logs/export',
      ({ query: { format = 'csv', request_id: callId = null, ...fields } }) => {
        const filter = readRecordFilter(fields)
        // What settles from now on is not waited for, or the export would never end.
        const until = Math.min(filter.until, parts.now() + 1)
        return exportOf(parts.reports, { ...filter, until }, { format, callId })
      },
      {
        transform: plainQuery,
        query: ExportQuery,
        detail: operation({
          tag: 'Spend',
          summary: 'Export the ledger',
          description:
            'Every row up to now, oldest first, as a stream. Money is decimal dollars to the ' +
            'last nano-dollar. In CSV (RFC 4180) text that a spreadsheet would take for a ' +
            'formula, because it begins with = + - or @, has an apostrophe before it.',
          answer: {
            description: 'A line for each row.',
            schema: Type.String({ examples: ['request_id,end_user,api_key,…'] }),
            contentTypes: ['text/csv', 'application/x-ndjson'],
          },
        }),
      },
    )

/** Whether days are asked for. Throws `invalid_request` where they cannot be had. */
function isSummary(query: {
  readonly summarize?: boolean
  readonly start_date?: string
  readonly end_date?: string
  readonly request_id?: string
  readonly outcome?: string
  readonly cursor?: string
}): boolean {
  const { start_date: start = null, end_date: end = null } = query
  const others = (['request_id', 'outcome', 'cursor'] as const).find((name) => query[name])
  const isRange = start !== null && end !== null
  if (query.summarize === true && !isRange) throw needsDates
  if (query.summarize === true && others !== undefined) throw noSummary(others)
  return query.summarize ?? (isRange && others === undefined)
}

const isThere = <Value>(value: Value | null): value is Value => value !== null

/** A page, newest first, and the cursor of the next; null: there is no more. */
async function pageOf(
  reports: RecordStore,
  filter: RecordFilter,
  { size, cursor = null }: { readonly size: number; readonly cursor: string | null | undefined },
): Promise<{ readonly records: readonly LedgerRecord[]; readonly next: string | null }> {
  const records: LedgerRecord[] = []
  let looked = 0
  // One more than the page has, to know whether there is a next one.
  const rows = Math.min(SLICE_ROWS, size + 1)
  for await (const slice of reports.slices(filter, {
    after: cursor,
    order: 'newest first',
    rows,
  })) {
    records.push(...slice.records)
    if (records.length > size) {
      const page = records.slice(0, size)
      return { records: page, next: page.at(-1)!.id }
    }
    looked += slice.looked
    if (looked >= LOOKED_MAX) return { records, next: slice.lastId }
  }
  return { records, next: null }
}

/** Where the next page is; none where there is none. */
export function nextHeaders(
  path: string,
  query: Readonly<Record<string, unknown>>,
  next: string | null,
): Record<string, string> {
  if (next === null) return {}
  const fields = Object.entries({ ...query, cursor: next }).map(([name, value]) => [
    name,
    String(value),
  ])
  return {
    'x-next-cursor': next,
    link: `<${path}?${new URLSearchParams(fields)}>; rel="next"`,
  }
}

/** The text of an export, in pieces of a slice each. */
export async function* exportText(
  reports: Pick<RecordStore, 'find' | 'slices'>,
  filter: RecordFilter,
  { format, callId = null }: { readonly format: ExportFormat; readonly callId?: string | null },
): AsyncGenerator<string> {
  yield headOf(format)
  if (callId !== null) {
    const record = reports.find(callId, filter)
    if (record !== null) yield lineOf(format, record)
    return
  }
  const from = { after: null, order: 'oldest first', rows: SLICE_ROWS } as const
  for await (const { records } of reports.slices(filter, from)) {
    yield records.map((record) => lineOf(format, record)).join('')
  }
}

/** A piece is made when the client has taken the one before. */
function exportOf(
  reports: RecordStore,
  filter: RecordFilter,
  about: { readonly format: ExportFormat; readonly callId: string | null },
): Response {
  const pieces = exportText(reports, filter, about)
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // A slice in which nothing fits has no text, and no piece.
        let next = await pieces.next()
        while (next.value === '') next = await pieces.next()
        if (next.done) controller.close()
        else controller.enqueue(encoder.encode(next.value))
      },
      cancel: async () => void (await pieces.return(undefined)),
    },
    { highWaterMark: 1 },
  )
  return new Response(body, {
    headers: {
      'content-type': CONTENT_TYPE_OF[about.format],
      'content-disposition': `attachment; filename="ledger.${about.format}"`,
      'cache-control': 'no-store',
    },
  })
}

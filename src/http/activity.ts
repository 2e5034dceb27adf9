import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { dayText } from '../ledger/day.ts'
import { toDollars } from '../ledger/money.ts'
import type { DailyFilter } from '../ledger/record.ts'
import { ActivitySchema } from './activity-json.ts'
import {
  addTo,
  type DayStore,
  daysIn,
  emptyTotal,
  metricsOf,
  NAMES_MAX,
  type Total,
  Totals,
  totalOf,
} from './day-sums.ts'
import { pageField } from './fields.ts'
import { operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { keyField, MASTER_KEY_NAME, RECORD_FIELDS, readKey, readTimes } from './record-query.ts'
import { checked } from './schema.ts'

export type ActivityParts = {
  readonly reports: DayStore
  providerOf(deployment: string): string
  now(): number
}

const PAGE_SIZE = 10
const PAGE_SIZE_MAX = 1_000
const IDS_MAX = 1_000

const { start_date, end_date, model } = RECORD_FIELDS

const Query = checked(
  Type.Object(
    {
      end_user_ids: Type.Optional(
        Type.String({
          minLength: 1,
          description: 'Only these customers, with commas between them.',
          examples: ['alice,bob'],
        }),
      ),
      start_date,
      end_date,
      model,
      api_key: keyField,
      page: pageField,
      page_size: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: PAGE_SIZE_MAX,
          description: `Days on a page, ${PAGE_SIZE} by default.`,
          examples: [PAGE_SIZE],
        }),
      ),
    },
    { additionalProperties: false },
  ),
)

const badIds = (got: number) =>
  new Refusal(
    'invalid_request',
    `end_user_ids must be 1 to ${IDS_MAX} ids of customers with commas between them, got ${got}`,
    { param: 'end_user_ids' },
  )

/** What was used, day by day, under LiteLLM's two names for it. */
export function activityRoutes(parts: ActivityParts, prefix: '/customer' | '/end_user') {
  const { reports } = parts
  return new Elysia({ prefix, normalize: false }).get(
    '/daily/activity',
    async ({ query }) => {
      const { page = 1, page_size: size = PAGE_SIZE } = query
      const customerIds = readIds(query.end_user_ids)
      const filter = { customerIds, key: readKey(query.api_key), model: query.model ?? null }
      const { start_date: start = null, end_date: end = null } = query
      const range = daysIn(readTimes({ start, end }), parts.now())
      const days = await reports.days(range, customerIds)
      const total = emptyTotal()
      const results = []
      for (const day of days.slice((page - 1) * size, page * size)) {
        const activity = await activityOn(day, filter, parts)
        addTo(total, activity.total)
        if (activity.isAny) results.push(activity.json)
      }
      return { results, metadata: metadataOf(total, { page, size, days: days.length }) }
    },
    {
      transform: plainQuery,
      query: Query,
      detail: operation({
        tag: prefix === '/customer' ? 'Customers' : 'Customers, as /end_user',
        summary: 'What was used, day by day',
        description:
          'As LiteLLM, newest day first, in UTC; a call counts on the day on which it settled. ' +
          'A page has so many days (LiteLLM: so many of its rows), whole ones, and `metadata` ' +
          'sums up the page. Without dates: the last 30 days. Of keys and customers each day ' +
          `names the ${NAMES_MAX} that were charged most; its metrics are of all.`,
        answer: { description: 'A page of days.', schema: ActivitySchema },
        refusals: [badIds(0)],
      }),
    },
  )
}

function readIds(text: string | undefined): readonly string[] | null {
  if (text === undefined) return null
  const ids = [...new Set(text.split(',').map((id) => id.trim()))].filter((id) => id !== '')
  if (ids.length === 0 || ids.length > IDS_MAX) throw badIds(ids.length)
  return ids
}

async function activityOn(
  day: number,
  filter: DailyFilter,
  { reports, providerOf }: ActivityParts,
) {
  const total = emptyTotal()
  const [models, providers, keys, customers] = [0, 1, 2, 3].map(() => new Totals()) as [
    Totals,
    Totals,
    Totals,
    Totals,
  ]
  const aliases = new Map<string, string | null>()
  let isAny = false
  for await (const sums of reports.daySums(day, filter)) {
    for (const sum of sums) {
      const more = totalOf(sum)
      const hash = sum.key?.hash ?? MASTER_KEY_NAME
      addTo(total, more)
      if (sum.model !== '') models.add(sum.model, more)
      if (sum.deployment !== '') providers.add(providerOf(sum.deployment) || 'unknown', more)
      if (sum.customerId !== null) customers.add(sum.customerId, more)
      keys.add(hash, more)
      aliases.set(hash, sum.key?.alias ?? null)
      isAny = true
    }
  }
  const json = {
    date: dayText(day),
    metrics: metricsOf(total),
    breakdown: {
      models: byName(models, () => ({})),
      providers: byName(providers, () => ({})),
      api_keys: byName(keys, (hash) => ({ key_alias: aliases.get(hash) ?? null })),
      entities: byName(customers, () => ({})),
    },
  }
  return { total, isAny, json }
}

const byName = <Metadata>(totals: Totals, metadata: (name: string) => Metadata) =>
  Object.fromEntries(
    totals
      .top(NAMES_MAX)
      .map(([name, total]) => [name, { metrics: metricsOf(total), metadata: metadata(name) }]),
  )

function metadataOf(
  total: Total,
  { page, size, days }: { readonly page: number; readonly size: number; readonly days: number },
) {
  const pages = Math.ceil(days / size)
  return {
    total_spend: toDollars(total.charge),
    total_prompt_tokens: total.input,
    total_completion_tokens: total.output,
    total_tokens: total.input + total.output,
    total_api_requests: total.calls,
    total_successful_requests: total.calls - total.failedCalls,
    total_failed_requests: total.failedCalls,
    page,
    total_pages: pages,
    has_more: page < pages,
  }
}

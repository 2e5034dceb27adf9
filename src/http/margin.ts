import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { dayText } from '../ledger/day.ts'
import { type Nanos, toDollars } from '../ledger/money.ts'
import type { Slot } from '../ledger/record.ts'
import { type DayStore, daysIn } from './day-sums.ts'
import { type Cell, csvLine, csvText } from './export.ts'
import { Dollars } from './fields.ts'
import { operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { RECORD_FIELDS, readTimes } from './record-query.ts'
import { checked } from './schema.ts'
import type { SeriesStore } from './series.ts'

/** What is charged beside what it costs. */
export type MarginParts = {
  readonly reports: DayStore
  readonly series: Pick<SeriesStore, 'ofModels'>
  now(): number
}

const GROUPS = ['day', 'model', 'customer'] as const
type Group = (typeof GROUPS)[number]

const PAGE = 100
const PAGE_MAX = 1_000
const DAYS_MAX = 1_000

const { start_date, end_date } = RECORD_FIELDS
const Fields = Type.Object(
  {
    start_date,
    end_date,
    group_by: Type.Optional(
      Type.Enum([...GROUPS], {
        type: 'string',
        description: 'What there is a line for; `day` by default. Days are UTC’s.',
        examples: ['customer'],
      }),
    ),
    page: Type.Optional(Type.Integer({ minimum: 1, description: 'From 1.', examples: [1] })),
    page_size: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: PAGE_MAX,
        description: `Lines of a page; ${PAGE} by default.`,
        examples: [PAGE],
      }),
    ),
    format: Type.Optional(
      Type.Enum(['json', 'csv'], {
        type: 'string',
        description: '`csv`: a file of all lines.',
        examples: ['json'],
      }),
    ),
  },
  { additionalProperties: false },
)

const SUMS = {
  calls: Type.Integer({ description: 'Calls.', examples: [3] }),
  cost: Dollars({ description: 'Dollars that upstreams ask.', examples: [0.1] }),
  charge: Dollars({ description: 'Dollars charged.', examples: [0.125] }),
  margin: Dollars({ description: 'The charge less the cost.', examples: [0.025] }),
  margin_percent: Type.Unsafe<number | null>({
    type: ['number', 'null'],
    description: 'The margin as a percentage of the charge. Null: nothing was charged.',
    examples: [20],
  }),
}

const day = (description: string, example: string) =>
  Type.String({ description, examples: [example] })

const Margin = Type.Object(
  {
    start_date: day('The first day.', '2026-11-01'),
    end_date: day('The last.', '2026-11-30'),
    group_by: Type.Enum([...GROUPS], {
      type: 'string',
      description: 'What there is a line for.',
      examples: ['customer'],
    }),
    results: Type.Array(
      Type.Object(
        {
          group: Type.String({
            description:
              'The day, the model or the customer. Empty: calls that named no customer, and ' +
              'corrections, which are of no model.',
            examples: ['alice'],
          }),
          ...SUMS,
        },
        { additionalProperties: false },
      ),
      { description: 'Days in their order; models and customers by margin, the least first.' },
    ),
    total: Type.Object(SUMS, {
      additionalProperties: false,
      description: 'Of all lines, on every page: what the ledger’s rows of these days come to.',
    }),
    page: Type.Integer({ description: 'As asked.', examples: [1] }),
    total_pages: Type.Integer({ description: 'How many there are.', examples: [1] }),
  },
  { additionalProperties: false },
)

type Sums = { calls: number; cost: number; charge: number }

export const marginRoutes = (parts: MarginParts) =>
  new Elysia({ normalize: false }).get(
    '/margin',
    async ({ query }) => {
      const by = query.group_by ?? 'day'
      const { first, last } = rangeOf(query, parts.now())
      const groups = await sumsBy(by, { first, last }, parts)
      if (query.format === 'csv') return csvOf(by, groups)
      const size = query.page_size ?? PAGE
      const page = query.page ?? 1
      return {
        start_date: dayText(first),
        end_date: dayText(last),
        group_by: by,
        results: groups
          .slice((page - 1) * size, page * size)
          .map(([group, sums]) => ({ group, ...marginOf(sums) })),
        total: marginOf(groups.reduce<Sums>((sum, [, more]) => added(sum, more), nothing())),
        page,
        total_pages: Math.max(1, Math.ceil(groups.length / size)),
      }
    },
    {
      transform: plainQuery,
      query: checked(Fields),
      detail: operation({
        tag: 'Spend',
        summary: 'What is charged beside what it costs',
        description:
          'By day, model or customer, of the last 30 days unless other days are asked for. Its ' +
          'sums are those of the ledger, corrections with them.',
        answer: {
          description: 'The margins.',
          schema: Margin,
          contentTypes: ['application/json', 'text/csv'],
        },
        refusals: [tooManyDays(2_000)],
      }),
    },
  )

const nothing = (): Sums => ({ calls: 0, cost: 0, charge: 0 })

const added = (sum: Sums, { calls, cost, charge }: Sums): Sums => ({
  calls: sum.calls + calls,
  cost: sum.cost + cost,
  charge: sum.charge + charge,
})

function rangeOf({ start_date, end_date }: Type.Static<typeof Fields>, now: number) {
  const range = daysIn(readTimes({ start: start_date ?? null, end: end_date ?? null }), now)
  const days = range.last - range.first + 1
  if (days > DAYS_MAX) throw tooManyDays(days)
  return range
}

function tooManyDays(days: number) {
  const message = `A report of margins has at most ${DAYS_MAX} days, and this range has ${days}`
  return new Refusal('invalid_request', message, { param: 'start_date' })
}

/** Days in their order, all of them; the others by what they bring, the least first. */
async function sumsBy(
  by: Group,
  { first, last }: { readonly first: number; readonly last: number },
  { reports, series }: MarginParts,
): Promise<[group: string, sums: Sums][]> {
  const groups = new Map<string, Sums>()
  const add = (group: string, sums: Sums) => {
    groups.set(group, added(groups.get(group) ?? nothing(), sums))
  }
  if (by === 'customer') {
    const all = { customerIds: null, key: null, model: null }
    for (const day of await reports.days({ first, last }, null)) {
      for await (const sums of reports.daySums(day, all)) {
        for (const sum of sums) add(sum.customerId ?? '', sum)
      }
    }
  } else {
    if (by === 'day') for (let day = first; day <= last; day++) add(dayText(day), nothing())
    for await (const slots of series.ofModels({ first, last, hours: 24 })) {
      for (const slot of slots) add(groupOf(by, slot), slot)
    }
  }
  const found = [...groups]
  if (by === 'day') return found
  return found.sort(([, a], [, b]) => a.charge - a.cost - (b.charge - b.cost))
}

const groupOf = (by: Exclude<Group, 'customer'>, { bucket, model }: Slot): string =>
  by === 'day' ? dayText(bucket) : model

const percentOf = ({ cost, charge }: Sums): number | null =>
  charge === 0 ? null : Math.round(((charge - cost) / charge) * 1e6) / 1e4

const marginOf = (sums: Sums) => ({
  calls: sums.calls,
  cost: toDollars(sums.cost as Nanos),
  charge: toDollars(sums.charge as Nanos),
  margin: toDollars((sums.charge - sums.cost) as Nanos),
  margin_percent: percentOf(sums),
})

function csvOf(by: Group, groups: readonly [string, Sums][]): Response {
  const dollars = (amount: number): Cell => ({ dollars: amount as Nanos })
  const lines = groups.map(([group, sums]) => {
    const { calls, cost, charge } = sums
    const amounts = [dollars(cost), dollars(charge), dollars(charge - cost), percentOf(sums)]
    return csvLine([group, calls, ...amounts].map(csvText))
  })
  const head = csvLine([by, 'calls', 'cost', 'charge', 'margin', 'margin_percent'])
  return new Response([head, ...lines].join(''), {
    headers: {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="margin-by-${by}.csv"`,
    },
  })
}

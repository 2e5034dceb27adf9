import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { HOUR_MS } from '../ledger/day.ts'
import type { Measures, RecordFilter, SeriesRange, Slot, TopCustomer } from '../ledger/record.ts'
import { NullableText, Time, timeText } from './fields.ts'
import { add, isNothing, MEASURES, MeasuresSchema, measuresJson, nothing } from './measures.ts'
import { operation } from './operation.ts'
import { plainQuery } from './query.ts'
import {
  BUCKETS_MAX,
  HOURS_BY_CUSTOMER_MAX,
  HOURS_OF_CUSTOMER_MAX,
  notSummed,
  readSeriesQuery,
  SeriesFields,
  type SeriesQuery,
  tooManyBuckets,
  tooManyHours,
} from './series-query.ts'

/** What these routes need of the store. */
export type SeriesStore = {
  ofModels(range: SeriesRange): AsyncGenerator<readonly Slot[]>
  ofKey(hash: string | null, days: SeriesRange): AsyncGenerator<readonly Slot[]>
  ofCustomer(
    id: string,
    range: SeriesRange,
    key: RecordFilter['key'],
  ): AsyncGenerator<readonly Slot[]>
  topCustomers(days: SeriesRange, most: number): Promise<readonly TopCustomer[]>
  hoursOfTabs(tabs: readonly number[], hours: SeriesRange): AsyncGenerator<readonly Slot[]>
}

export type SeriesParts = { readonly series: SeriesStore; now(): number }

const closed = { additionalProperties: false }

const Answer = Type.Object(
  {
    step: Type.String({ description: '`day` or `hour`.', examples: ['day'] }),
    by: Type.String({ description: 'What there is a series for.', examples: ['model'] }),
    start: Time({ description: 'The first moment.', examples: ['2026-11-01T00:00:00.000Z'] }),
    end: Time({ description: 'The moment after it.', examples: ['2026-12-01T00:00:00.000Z'] }),
    total: MeasuresSchema,
    series: Type.Array(
      Type.Object(
        {
          name: NullableText({
            description:
              'The model, or the id of the customer. Empty: corrections, which are of no model, ' +
              'or calls without a customer. With `by=none`: `all`. Null: the rest.',
            examples: ['demo'],
          }),
          alias: Type.Optional(
            NullableText({ description: 'Of a customer.', examples: ['Alice Ltd'] }),
          ),
          total: MeasuresSchema,
          points: Type.Array(
            Type.Object(
              {
                at: Time({
                  description: 'The bucket’s start.',
                  examples: ['2026-11-01T00:00:00.000Z'],
                }),
                ...MEASURES,
              },
              closed,
            ),
          ),
        },
        closed,
      ),
    ),
  },
  closed,
)

/** One line of a chart, in the making: a sum for each bucket. */
class Line {
  readonly name: string | null
  readonly alias: string | null
  readonly total = nothing()
  readonly buckets: ReturnType<typeof nothing>[]
  readonly #first: number

  constructor(name: string | null, { first, last }: SeriesRange, alias: string | null = null) {
    this.name = name
    this.alias = alias
    this.#first = first
    this.buckets = Array.from({ length: last - first + 1 }, nothing)
  }

  add(bucket: number, more: Measures, by: 1 | -1 = 1) {
    add(this.buckets[bucket - this.#first]!, more, by)
    add(this.total, more, by)
  }

  addLine(line: Line, by: 1 | -1) {
    for (const [at, sum] of line.buckets.entries()) this.add(this.#first + at, sum, by)
  }
}

export function seriesRoutes({ series, now }: SeriesParts) {
  return new Elysia({ normalize: false }).get(
    '/spend/series',
    async ({ query }) => {
      const asked = readSeriesQuery(query, now())
      const lines =
        asked.by === 'customer' && asked.customerId === null
          ? await linesOfCustomers(series, asked)
          : await linesOf(series, asked)
      return answerOf(asked, lines)
    },
    {
      transform: plainQuery,
      query: SeriesFields,
      detail: operation({
        tag: 'Spend',
        summary: 'What was used over time',
        description:
          'For charts: a point for each day or hour of the range, which counts whole ones, in ' +
          'UTC; a call counts when it settles. The names that were charged most have a series ' +
          'each, the rest one together. Without dates: the last 30 days, or 24 hours. Of one day ' +
          'the customers that were charged most are exactly those; of more, they are chosen ' +
          'among those who were on one of the days, and their sums are exact. A range has at ' +
          `most ${BUCKETS_MAX} points; hours by customer are for ${HOURS_BY_CUSTOMER_MAX} of ` +
          `them (ranked by the whole days), of one customer ${HOURS_OF_CUSTOMER_MAX}.`,
        answer: { description: 'The series, most charged first.', schema: Answer },
        refusals: [
          tooManyBuckets(2_000, 'hour'),
          tooManyHours(72, 'by=customer'),
          notSummed('by=customer', 'model'),
        ],
      }),
    },
  )
}

type Lines = { readonly total: Line; readonly lines: readonly Line[] }

/** One line, or one for each model. */
async function linesOf(series: SeriesStore, asked: SeriesQuery): Promise<Lines> {
  const { range, by, customerId, key, model } = asked
  const total = new Line(by === 'customer' ? customerId : 'all', range)
  const byModel = new Map<string, Line>()
  for await (const slots of slotsOf(series, { range, customerId, key })) {
    for (const slot of slots) {
      if (model !== null && slot.model !== model) continue
      total.add(slot.bucket, slot)
      if (by !== 'model') continue
      const line = byModel.get(slot.model) ?? new Line(slot.model, range)
      byModel.set(slot.model, line)
      line.add(slot.bucket, slot)
    }
  }
  return { total, lines: by === 'model' ? [...byModel.values()] : [total] }
}

function slotsOf(
  series: SeriesStore,
  { range, customerId, key }: Pick<SeriesQuery, 'range' | 'customerId' | 'key'>,
): AsyncGenerator<readonly Slot[]> {
  if (customerId !== null) return series.ofCustomer(customerId, range, key)
  return key === null ? series.ofModels(range) : series.ofKey(key.hash, range)
}

/** A line for each of those who were charged most, and what is left of all. */
async function linesOfCustomers(series: SeriesStore, { range, top }: SeriesQuery): Promise<Lines> {
  const total = new Line('all', range)
  const days: SeriesRange = {
    first: Math.floor((range.first * range.hours) / 24),
    last: Math.floor((range.last * range.hours) / 24),
    hours: 24,
  }
  const lines: Line[] = []
  for (const { id, alias, tabs, slots } of await series.topCustomers(days, top)) {
    const line = new Line(id, range, alias)
    if (range.hours === 24) for (const slot of slots) line.add(slot.bucket, slot)
    else {
      for await (const some of series.hoursOfTabs(tabs, range)) {
        for (const slot of some) line.add(slot.bucket, slot)
      }
    }
    lines.push(line)
  }
  for await (const slots of series.ofModels(range)) {
    for (const slot of slots) total.add(slot.bucket, slot)
  }
  return { total, lines: lines.filter((line) => !isNothing(line.total)) }
}

function answerOf(
  { range, by, top }: SeriesQuery,
  { total, lines }: Lines,
): Type.Static<typeof Answer> {
  const ranked = lines.toSorted((a, b) => b.total.charge - a.total.charge).slice(0, top)
  const rest = new Line(null, range)
  rest.addLine(total, 1)
  for (const line of ranked) rest.addLine(line, -1)
  const shown = rest.buckets.every(isNothing) ? ranked : [...ranked, rest]
  const timeOf = (bucket: number) => timeText(bucket * range.hours * HOUR_MS)
  return {
    step: range.hours === 1 ? 'hour' : 'day',
    by,
    start: timeOf(range.first),
    end: timeOf(range.last + 1),
    total: measuresJson(total.total),
    series: shown.map((line) => ({
      name: line.name,
      ...(by === 'customer' ? { alias: line.alias } : {}),
      total: measuresJson(line.total),
      points: line.buckets.map((sum, at) => ({
        at: timeOf(range.first + at),
        ...measuresJson(sum),
      })),
    })),
  }
}

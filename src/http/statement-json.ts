import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { dayOf, dayStart, dayText, monthOf, monthStart } from '../ledger/day.ts'
import { fromDollars, minus, type Nanos, plus, toDollars, ZERO } from '../ledger/money.ts'
import type { ModelSum } from '../ledger/record.ts'
import type { StatedCorrection, WalletStatement } from '../ledger/statement.ts'
import { type Cell, csvLine, csvText } from './export.ts'
import { Dollars, Id, NullableText, Time, timeText } from './fields.ts'
import { tokensOf } from './record-json.ts'
import { RECORD_FIELDS, readTimes } from './record-query.ts'

/** What a customer was charged and paid in a time, of whole days (UTC). */
export type Statement = {
  readonly id: string
  readonly alias: string | null
  readonly first: number
  readonly last: number
  readonly currency: { readonly code: string; readonly rate: number } | null
  /** Null: it has no wallet. */
  readonly wallet: WalletStatement | null
  readonly days: readonly { readonly day: number; readonly sums: readonly ModelSum[] }[]
  readonly corrections: readonly StatedCorrection[]
}

const { start_date, end_date } = RECORD_FIELDS

export const PERIOD_FIELDS = {
  period: Type.Optional(
    Type.String({
      pattern: '^(current|previous|\\d{4}-(0[1-9]|1[0-2]))$',
      description: 'A calendar month of UTC’s, such as 2026-11; `current` by default, `previous`.',
      examples: ['2026-11'],
    }),
  ),
  start_date,
  end_date,
  format: Type.Optional(
    Type.Enum(['json', 'csv', 'html'], {
      type: 'string',
      description: '`csv`: a file of lines; `html`: a page to print. `json` by default.',
      examples: ['json'],
    }),
  ),
}

export const StatementQuery = Type.Object(
  {
    end_user_id: Id({ description: 'The id of the customer.', examples: ['alice'] }),
    ...PERIOD_FIELDS,
  },
  { additionalProperties: false },
)

export type PeriodQuery = {
  readonly period?: string
  readonly start_date?: string
  readonly end_date?: string
}

export const DAYS_MAX = 366

/** The days of a statement. Throws `invalid_request`. */
export function readPeriod(
  { period, start_date: start, end_date: end }: PeriodQuery,
  now: number,
): { readonly first: number; readonly last: number } {
  const isRange = start !== undefined || end !== undefined
  if (isRange && period !== undefined) {
    const message = 'Send either period, or start_date and end_date'
    throw new Refusal('invalid_request', message, { param: 'period' })
  }
  const month = monthOf(now)
  if (!isRange) return daysOf(period === undefined ? month : readMonth(period, month))
  const { from, until } = readTimes({ start: start ?? null, end: end ?? null })
  const last = dayOf((until ?? now + 1) - 1)
  const first = from === undefined ? dayOf(monthStart(monthOf(dayStart(last)))) : dayOf(from)
  const days = last - first + 1
  if (days >= 1 && days <= DAYS_MAX) return { first, last }
  throw tooLong(days)
}

function readMonth(period: string, current: number): number {
  if (period === 'current') return current
  if (period === 'previous') return current - 1
  const [year, month] = period.split('-').map(Number)
  return year! * 12 + month! - 1
}

const daysOf = (month: number) => ({
  first: dayOf(monthStart(month)),
  last: dayOf(monthStart(month + 1)) - 1,
})

export const tooLong = (days: number) =>
  new Refusal('invalid_request', `A statement is of 1 to ${DAYS_MAX} days, got ${days}`, {
    param: 'start_date',
  })

const amount = (description: string, example: number) =>
  Dollars({ description, examples: [example] })
const balance = (description: string) =>
  Type.Unsafe<number | null>({ type: ['number', 'null'], description, examples: [10] })
const closed = { additionalProperties: false }

export const StatementSchema = Type.Object(
  {
    user_id: Type.String({ description: 'The customer.', examples: ['alice'] }),
    alias: NullableText({ description: 'Its name.', examples: ['Alice Ltd'] }),
    start_date: Type.String({ description: 'The first day, UTC.', examples: ['2026-11-01'] }),
    end_date: Type.String({ description: 'The last.', examples: ['2026-11-30'] }),
    currency: Type.Unsafe<{ code: string; rate: number } | null>({
      type: ['object', 'null'],
      description: 'In which it may be shown: how many of it a dollar is. Null: dollars.',
      examples: [{ code: 'EUR', rate: 0.92 }],
    }),
    opening_balance: balance('Credit at the beginning, dollars. Null: there is no wallet.'),
    closing_balance: balance('Credit at the end.'),
    usage: Type.Array(
      Type.Object(
        {
          date: Type.String({ description: 'The day.', examples: ['2026-11-26'] }),
          model: Type.String({ description: 'As calls named it.', examples: ['demo'] }),
          calls: Type.Integer({ description: 'Calls.', examples: [3] }),
          prompt_tokens: Type.Integer({ description: 'Tokens read.', examples: [12] }),
          completion_tokens: Type.Integer({ description: 'Tokens written.', examples: [75] }),
          charge: amount('Dollars charged.', 0.001161),
        },
        closed,
      ),
      { description: 'By day and model.' },
    ),
    corrections: Type.Array(
      Type.Object(
        {
          at: Time({ description: 'When it was made.', examples: ['2026-11-26T09:30:00.000Z'] }),
          amount: amount('Dollars; negative: given back.', -0.01),
          reason: NullableText({ description: 'Why. Null: nobody said.', examples: ['price'] }),
          call_id: NullableText({ description: 'The call that it corrects.', examples: [null] }),
        },
        closed,
      ),
      { description: 'Charges that are no calls’.' },
    ),
    credit: Type.Array(
      Type.Object(
        {
          at: Time({ description: 'When.', examples: ['2026-11-26T09:30:00.000Z'] }),
          kind: Type.String({
            description: 'grant, expiry, refund or adjustment.',
            examples: ['grant'],
          }),
          amount: amount('Dollars; positive: came in.', 10),
          reason: NullableText({ description: 'Why.', examples: ['paid'] }),
          grant_id: NullableText({ description: 'The grant, if it is of one.', examples: [null] }),
        },
        closed,
      ),
      { description: 'What moved credit besides calls.' },
    ),
    total: Type.Object(
      {
        calls: Type.Integer({ description: 'Calls.', examples: [3] }),
        charge: amount('All that was charged, corrections with it.', 0.001161),
        corrected: amount('Of that, corrections.', 0),
        drawn: amount('Taken from the wallet for it.', 0.001161),
        granted: amount('Credit granted.', 10),
        adjusted: amount('Credit adjusted, signed.', 0),
        expired: amount('Credit that ended.', 0),
        refunded: amount('Credit paid out.', 0),
      },
      { ...closed, description: 'Sums: the ledger’s, to the nano-dollar.' },
    ),
  },
  { additionalProperties: false },
)

export type StatementJson = Type.Static<typeof StatementSchema>

export function statementJson(statement: Statement): StatementJson {
  const { id, alias, first, last, currency, wallet, days, corrections } = statement
  const all = days.flatMap(({ sums }) => sums)
  const sum = (some: readonly ModelSum[]) =>
    some.reduce((total, { charge }) => plus(total, charge), ZERO)
  const repriced = repricedIn(corrections)
  const out = (amount: Nanos | undefined) => toDollars(minus(ZERO, amount ?? ZERO))
  const into = (amount: Nanos | undefined) => toDollars(amount ?? ZERO)
  return {
    user_id: id,
    alias,
    start_date: dayText(first),
    end_date: dayText(last),
    currency,
    opening_balance: wallet === null ? null : toDollars(wallet.opening),
    closing_balance: wallet === null ? null : toDollars(wallet.closing),
    usage: days.flatMap(({ day, sums }) =>
      sums.filter(isOfCalls).map((of) => {
        const { prompt_tokens, completion_tokens } = tokensOf(of)
        const { model, calls } = of
        const tokens = { prompt_tokens, completion_tokens }
        const charge = minus(of.charge, repriced.get(lineOf(day, model)) ?? ZERO)
        return { date: dayText(day), model, calls, ...tokens, charge: toDollars(charge) }
      }),
    ),
    corrections: corrections.map(({ at, amount, reason, callId }) => ({
      at: timeText(at),
      amount: toDollars(amount),
      reason,
      call_id: callId,
    })),
    credit: (wallet?.entries ?? []).map(({ createdAt, kind, amount, reason, grantId }) => ({
      at: timeText(createdAt),
      kind,
      amount: toDollars(amount),
      reason,
      grant_id: grantId,
    })),
    total: {
      calls: all.reduce((total, { calls }) => total + calls, 0),
      charge: toDollars(sum(all)),
      corrected: toDollars([...repriced.values()].reduce(plus, sum(all.filter(isOfNoCalls)))),
      drawn: out(wallet?.sums.draw),
      granted: into(wallet?.sums.grant),
      adjusted: into(wallet?.sums.adjustment),
      expired: out(wallet?.sums.expiry),
      refunded: out(wallet?.sums.refund),
    },
  }
}

/** Spends that were set by hand are of no model. */
const isOfNoCalls = ({ model, calls }: ModelSum): boolean => model === '' && calls === 0
const isOfCalls = (of: ModelSum): boolean => !isOfNoCalls(of)

const lineOf = (day: number, model: string): string => `${day} ${model}`

/**
 * What corrections of calls come to by day and model: they are in the sums of these, and told by
 * themselves.
 */
function repricedIn(corrections: readonly StatedCorrection[]): ReadonlyMap<string, Nanos> {
  const repriced = new Map<string, Nanos>()
  for (const { at, model, amount } of corrections) {
    if (model === '') continue
    const line = lineOf(dayOf(at), model)
    repriced.set(line, plus(repriced.get(line) ?? ZERO, amount))
  }
  return repriced
}

/** A line for each amount, of which those from usage to credit add up to the last. */
export function statementCsv(statement: Statement): string {
  const json = statementJson(statement)
  const line = (...cells: Cell[]) => csvLine(cells.map(csvText))
  const money = (dollars: number | null): Cell =>
    dollars === null ? null : { dollars: fromDollars(dollars) }
  const lines = [
    line('date', 'what', 'detail', 'calls', 'prompt_tokens', 'completion_tokens', 'dollars'),
    line(json.start_date, 'opening balance', '', null, null, null, money(json.opening_balance)),
    ...json.usage.map((of) =>
      line(
        of.date,
        'usage',
        of.model,
        of.calls,
        of.prompt_tokens,
        of.completion_tokens,
        money(of.charge),
      ),
    ),
    ...json.corrections.map(({ at, reason, amount }) =>
      line(at, 'correction', reason, null, null, null, money(amount)),
    ),
    ...json.credit.map(({ at, kind, reason, amount }) =>
      line(at, kind, reason, null, null, null, money(amount)),
    ),
    line(
      json.end_date,
      'charged in all',
      '',
      json.total.calls,
      null,
      null,
      money(json.total.charge),
    ),
    line(json.end_date, 'closing balance', '', null, null, null, money(json.closing_balance)),
  ]
  return lines.join('')
}

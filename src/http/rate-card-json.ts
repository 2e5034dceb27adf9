import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import type { Counts } from '../ledger/budget.ts'
import { readCard } from '../metering/rate-card.ts'

/** A rate card as clients write and read it: it is kept as it was given. */
export type CardJson = Record<string, unknown>

export const RateCard = Type.Unsafe<CardJson | null>({
  type: ['object', 'null'],
  description:
    'What customers are charged, in place of what their calls cost: `markup_percent` on the cost ' +
    '(from -100); or `prices` by model as calls name it, dollars for one token under the keys of ' +
    '`litellm_params`; `fee_per_call` and `minimum_per_call`, dollars; `free_allowance` of each ' +
    'calendar month (UTC), `{"tokens": …}` or `{"dollars": …}`; `currency`, for display: how ' +
    'many of it a dollar is. Charges are rounded up to a whole nano-dollar. A change counts for ' +
    'calls that are admitted from then on. Null: none of its own.',
  examples: [
    {
      markup_percent: 25,
      fee_per_call: 0.0001,
      free_allowance: { tokens: 100_000 },
      currency: { code: 'EUR', rate: 0.92 },
    },
  ],
})

export const Count = Type.Unsafe<Counts | null>({
  type: ['string', 'null'],
  enum: ['charge', 'cost', null],
  description: 'What of a call counts on the budget and as spend. Null: the charge.',
  examples: ['charge'],
})

/** A card as it is kept. Throws `invalid_request`, with what would be right. */
export function readRateCard(given: CardJson | null | undefined): string | null | undefined {
  if (given === undefined || given === null) return given
  const read = readCard(given)
  if ('text' in read) return read.text
  const isField = read.key !== '' && !read.problem.startsWith('has no')
  const param = isField ? `rate_card.${read.key}` : 'rate_card'
  throw new Refusal('invalid_request', `${param} ${read.problem}`, { param })
}

export const cardJson = (text: string | null): CardJson | null =>
  text === null ? null : (JSON.parse(text) as CardJson)

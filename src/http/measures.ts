import * as Type from 'typebox'
import type { Measures } from '../ledger/record.ts'
import { Dollars } from './fields.ts'

/** Sums of calls as charts get them, and how they are added up. */

type Sum = { -readonly [name in keyof Measures]: number }

export const nothing = (): Sum => ({
  calls: 0,
  failedCalls: 0,
  input: 0,
  output: 0,
  cost: 0,
  charge: 0,
})

const NAMES = Object.keys(nothing()) as (keyof Measures)[]

/** `by` is 1, or -1 to take it off. Past $9,007,199 a double rounds, to millionths of a cent. */
export function add(sum: Sum, more: Measures, by: 1 | -1 = 1) {
  for (const name of NAMES) sum[name] += by * more[name]
}

export const isNothing = (sum: Measures): boolean => NAMES.every((name) => sum[name] === 0)

const count = (description: string, example: number) =>
  Type.Integer({ description, examples: [example] })

export const MEASURES = {
  spend: Dollars({ description: 'Dollars charged.', examples: [0.00004] }),
  cost: Dollars({ description: 'Dollars that upstreams charge.', examples: [0.00004] }),
  calls: count('Calls that have ended.', 3),
  failed_calls: count('Of these, those that an upstream failed.', 1),
  prompt_tokens: count('Tokens read.', 12),
  completion_tokens: count('Tokens written.', 8),
  total_tokens: count('Both.', 20),
}

export const MeasuresSchema = Type.Object(MEASURES, {
  additionalProperties: false,
  description: 'What was used.',
})

export const measuresJson = (sum: Measures): Type.Static<typeof MeasuresSchema> => ({
  spend: sum.charge / 1e9,
  cost: sum.cost / 1e9,
  calls: sum.calls,
  failed_calls: sum.failedCalls,
  prompt_tokens: sum.input,
  completion_tokens: sum.output,
  total_tokens: sum.input + sum.output,
})

import * as Type from 'typebox'
import { toDollars } from '../ledger/money.ts'
import type { Corrects, LedgerRecord } from '../ledger/record.ts'
import { OUTCOMES, snakeCase, UNPRICED } from '../ledger/settlement.ts'
import { inputTokens, KINDS, outputTokens, type Usage } from '../metering/usage.ts'
import { Dollars, NullableText, Time, timeText } from './fields.ts'
import { MASTER_KEY_NAME } from './record-query.ts'

/** A row of the ledger as LiteLLM's spend logs have it, and after that what LiteLLM has not. */

const text = (description: string, example: string) =>
  Type.String({ description, examples: [example] })
const count = (description: string, example: number) =>
  Type.Integer({ description, examples: [example] })
const empty = { description: "LiteLLM's; always empty.", examples: [{}] }
const nothing = (name: string) =>
  Type.Null({ description: `LiteLLM's ${name}; always null.`, examples: [null] })

export const RecordSchema = Type.Object(
  {
    request_id: text('The id of the call.', '01M85YX12J9XZEJ9BVTRXF62MV'),
    call_type: text('`correction` for what is no call; the ledger knows no more of it.', ''),
    api_key: text(`The hash of its key, or \`${MASTER_KEY_NAME}\`.`, MASTER_KEY_NAME),
    spend: Dollars({ description: 'Dollars on the customer’s tab.', examples: [0.00004] }),
    total_tokens: count('Tokens read and written.', 30),
    prompt_tokens: count('Tokens read.', 10),
    completion_tokens: count('Tokens written.', 20),
    startTime: Time({ description: 'When it began.', examples: ['2026-11-01T09:30:00.000Z'] }),
    endTime: Time({ description: 'When it settled.', examples: ['2026-11-01T09:30:01.000Z'] }),
    completionStartTime: nothing('time of the first token'),
    request_duration_ms: count('Milliseconds between the two.', 1000),
    model: text('The model that was asked for.', 'demo'),
    model_id: text('The deployment that answered.', 'demo'),
    model_group: text('The model that was asked for.', 'demo'),
    custom_llm_provider: text('Its provider; empty for one that is not served any more.', 'demo'),
    api_base: text("LiteLLM's; always empty.", ''),
    user: text("The internal user of LiteLLM's that the key is of, if any.", ''),
    metadata: Type.Object(
      {
        user_api_key: text('As `api_key`.', MASTER_KEY_NAME),
        user_api_key_alias: NullableText({ description: 'Its alias.', examples: ['backend'] }),
      },
      { additionalProperties: false, description: 'What more is known of the key.' },
    ),
    cache_hit: text("LiteLLM's; always False.", 'False'),
    cache_key: text("LiteLLM's; always empty.", ''),
    request_tags: Type.Array(Type.Unknown(), {
      description: "LiteLLM's; always empty.",
      examples: [[]],
    }),
    team_id: NullableText({
      description: "The team of LiteLLM's that the key is of, if any.",
      examples: [null],
    }),
    end_user: text('The customer. Empty: none was named.', 'alice'),
    requester_ip_address: nothing('address'),
    messages: Type.Object({}, empty),
    response: Type.Object({}, empty),
    session_id: nothing('session'),
    status: Type.Enum(['success', 'failure'], {
      type: 'string',
      description: 'Failure: an upstream failed it.',
      examples: ['success'],
    }),
    cost: Dollars({ description: 'Dollars that the upstream asks.', examples: [0.00004] }),
    charge: Dollars({ description: 'As `spend`.', examples: [0.00004] }),
    counted: Dollars({
      description: "What counts on the customer's budget: the charge, or the cost.",
      examples: [0.00004],
    }),
    rate_card_version: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      description: 'The rate card that made the charge (`/rate_card/info`). Null: none.',
      examples: [null],
    }),
    free_tokens: Type.Integer({
      description: "Tokens that the card's monthly allowance took off the charge.",
      examples: [0],
    }),
    free_spend: Dollars({ description: 'The same in dollars.', examples: [0] }),
    outcome: Type.Enum([...OUTCOMES], {
      type: 'string',
      description: 'How it ended.',
      examples: ['ok'],
    }),
    usage_source: Type.Enum(['upstream', 'drained', 'estimated', 'none'], {
      type: 'string',
      description: 'Who counted: the upstream, the same after the client had left, or we.',
      examples: ['upstream'],
    }),
    usage: Type.Record(Type.String(), Type.Integer(), {
      description: 'What was used, by kind; each token is under one of them.',
      examples: [{ input: 10, output: 20 }],
    }),
    prices: Type.Unsafe<unknown>({
      type: ['object', 'null'],
      description: 'The prices applied, in nano-dollars a million. Null: there were none.',
      examples: [null],
    }),
    corrects: Type.Unsafe<Corrects | null>({
      anyOf: [
        Type.Object(
          {
            id: text('The row that is put right.', '01M85YX12J9XZEJ9BVTRXF62MV'),
            batch: text('Names all that was put right together.', '01M85YX12J9XZEJ9BVTRXF62MW'),
            reason: text('Why.', 'the price of gpt-4o was wrong'),
          },
          { additionalProperties: false },
        ),
        { type: 'null' },
      ],
      description: 'Of a correction: which row it puts right. Null: it puts no single one right.',
      examples: [null],
    }),
  },
  { additionalProperties: false, description: 'A row of the ledger: a call, or a correction.' },
)

export function recordJson(record: LedgerRecord, providerOf: (deployment: string) => string) {
  const { id, key, model, deployment, outcome, cost, charge, startedAt, settledAt } = record
  const tokens = tokensOf(record)
  return {
    request_id: id,
    call_type: outcome === 'correction' ? 'correction' : '',
    api_key: key?.hash ?? MASTER_KEY_NAME,
    spend: toDollars(charge),
    ...tokens,
    startTime: timeText(startedAt),
    endTime: timeText(settledAt),
    completionStartTime: null,
    request_duration_ms: settledAt - startedAt,
    model,
    model_id: deployment,
    model_group: model,
    custom_llm_provider: deployment === '' ? '' : providerOf(deployment),
    api_base: '',
    user: String(key?.labels['user_id'] ?? ''),
    metadata: {
      user_api_key: key?.hash ?? MASTER_KEY_NAME,
      user_api_key_alias: key?.alias ?? null,
    },
    cache_hit: 'False',
    cache_key: '',
    request_tags: [],
    team_id: (key?.labels['team_id'] as string | undefined) ?? null,
    end_user: record.customerId ?? '',
    requester_ip_address: null,
    messages: {},
    response: {},
    session_id: null,
    status: outcome === 'upstream_failed' ? 'failure' : 'success',
    cost: toDollars(cost),
    charge: toDollars(charge),
    counted: toDollars(record.counted),
    rate_card_version: record.cardVersion,
    free_tokens: record.freeTokens,
    free_spend: toDollars(record.freeMoney),
    outcome,
    usage_source: record.usageSource,
    usage: Object.fromEntries(KINDS.map((kind) => [snakeCase(kind), record.usage[kind] ?? 0])),
    prices: pricesOf(record),
    corrects: record.corrects ?? null,
  }
}

/** OpenAI's counts. */
export function tokensOf({ usage }: { readonly usage: Readonly<Record<string, number>> }) {
  const [read, written] = [inputTokens(usage as Usage), outputTokens(usage as Usage)]
  return { total_tokens: read + written, prompt_tokens: read, completion_tokens: written }
}

export const pricesOf = ({ price }: LedgerRecord): unknown =>
  price === null || price === UNPRICED ? null : JSON.parse(price)

/** Kinds whose names begin like this, as LiteLLM counts them together. */
export const tokensLike = (usage: Readonly<Record<string, number>>, beginning: string): number =>
  KINDS.filter((kind) => kind.startsWith(beginning)).reduce(
    (sum, kind) => sum + (usage[kind] ?? 0),
    0,
  )

import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import type { Quote } from '../gateway/quote.ts'
import { toDollars } from '../ledger/money.ts'
import { snakeCase } from '../ledger/settlement.ts'
import {
  countOf,
  KINDS,
  type Kind,
  NO_USAGE,
  type Usage,
  usageFromOpenAI,
} from '../metering/usage.ts'
import type { Json } from '../metering/wire.ts'
import { Id, NullableText, Time, timeText } from './fields.ts'
import { JSON_BODY } from './json-body.ts'
import { operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { cardJson, RateCard } from './rate-card-json.ts'
import { checked } from './schema.ts'

/** A rate card that somebody was given once. */
type KeptCard = { readonly version: number; readonly text: string; readonly createdAt: number }

export type RateCardParts = {
  readonly rateCards: {
    find(version: number): KeptCard | null
    list(): readonly KeptCard[]
    known(text: string): number | null
  }
  quote(asked: {
    readonly model: string
    readonly customerId: string | null
    readonly usage: Usage | null
    readonly json: Json
  }): Promise<Quote>
}

const tag = 'Rate cards'

const Version = Type.Integer({ description: 'Its number, as rows have it.', examples: [3] })

const Kept = Type.Object(
  {
    version: Version,
    rate_card: RateCard,
    created_at: Time({
      description: 'When somebody was first given it.',
      examples: ['2026-11-01T09:30:00.000Z'],
    }),
  },
  { additionalProperties: false },
)

const nullable = (description: string, example: unknown, type = 'number') =>
  Type.Unsafe<number | null>({ type: [type, 'null'], description, examples: [example] })

const Quoted = Type.Object(
  {
    model: Type.String({ description: 'The model that was asked for.', examples: ['demo'] }),
    model_id: Type.String({
      description: 'The deployment whose price it is: the first of the model.',
      examples: ['demo#1'],
    }),
    price_source: NullableText({
      description: 'Where its price comes from. Null: it has none.',
      examples: ['demo'],
    }),
    rate_card_version: nullable('The rate card that binds. Null: none.', null, 'integer'),
    cost: nullable('Dollars that the upstream would ask, for the usage given.', 0.000033),
    charge: nullable('Dollars that the customer would be charged for it.', 0.00004125),
    free_tokens: nullable('Tokens that the allowance takes off.', 0, 'integer'),
    free_spend: nullable('Dollars that it takes off.', 0),
    allowance_left: Type.Unsafe<Record<string, number> | null>({
      type: ['object', 'null'],
      description: 'What is left of the allowance this month, in its unit. Null: there is none.',
      examples: [null],
    }),
    most: Type.Unsafe<Record<string, number> | null>({
      type: ['object', 'null'],
      description:
        'For a body with `messages`: the most that is read and written, and what that would cost ' +
        'and be charged. So much is held while such a call is in flight. Null: no body was given.',
      examples: [{ prompt_tokens: 27, completion_tokens: 100, cost: 0.00158, charge: 0.001976 }],
    }),
  },
  { additionalProperties: false, description: 'What a call would come to.' },
)

const QuoteBody = Type.Object(
  {
    model: Type.String({ minLength: 1, description: 'The model.', examples: ['demo'] }),
    user: Type.Optional(
      Id({ description: 'The customer. Not sent: nobody.', examples: ['alice'] }),
    ),
    usage: Type.Optional(
      Type.Unsafe<Json>({
        type: 'object',
        description:
          "What a call uses: OpenAI's `usage`, or tokens by kind as ledger rows have them. The " +
          'cost and the charge are then exact.',
        examples: [{ prompt_tokens: 10, completion_tokens: 20 }],
      }),
    ),
  },
  {
    additionalProperties: true,
    examples: [{ model: 'demo', user: 'alice', usage: { prompt_tokens: 1, completion_tokens: 2 } }],
  },
)

const InfoQuery = Type.Object(
  {
    version: Type.String({
      pattern: '^[1-9]\\d{0,8}$',
      description: 'Its number.',
      examples: ['3'],
    }),
  },
  { additionalProperties: false },
)

const notThere = (version: string) =>
  new Refusal('not_found', `There is no rate card ${version}`, { param: 'version' })

export const rateCardRoutes = ({ rateCards, quote }: RateCardParts) =>
  new Elysia({ normalize: false })
    .get('/rate_card/list', () => rateCards.list().map(keptJson), {
      detail: operation({
        tag,
        summary: 'Every rate card that anybody ever had',
        description: 'Newest first. A card is never changed: another one is another version.',
        answer: {
          description: 'The cards.',
          schema: Type.Array(Kept),
        },
      }),
    })
    .get(
      '/rate_card/info',
      ({ query: { version } }) => {
        const card = rateCards.find(Number(version))
        if (card === null) throw notThere(version)
        return keptJson(card)
      },
      {
        transform: plainQuery,
        query: checked(InfoQuery),
        detail: operation({
          tag,
          summary: 'A rate card, as a ledger row names it',
          description: 'What `rate_card_version` of a row stands for.',
          answer: { description: 'The card.', schema: Kept },
          refusals: [notThere('9')],
        }),
      },
    )
    .post(
      '/price/quote',
      async ({ body }) => {
        const { model, user, usage } = body
        const given = usage === undefined ? null : readUsage(usage)
        const json = body as Json
        const made = await quote({ model, customerId: user ?? null, usage: given, json })
        return quoteJson(made, { model, versionOf: rateCards.known })
      },
      {
        parse: JSON_BODY,
        body: checked(QuoteBody),
        detail: operation({
          tag,
          summary: 'What a call would cost and charge, without making it',
          description:
            'Send the body of a chat, with its `user`; or `usage`, for exact amounts. Nothing is ' +
            'sent upstream, held or written.',
          answer: { description: 'The quote.', schema: Quoted },
          refusals: [
            new Refusal('model_not_found', 'The model gpt-9 is not served', { param: 'model' }),
          ],
        }),
      },
    )

const keptJson = ({ version, text, createdAt }: KeptCard) => ({
  version,
  rate_card: cardJson(text),
  created_at: timeText(createdAt),
})

/** Throws `invalid_request` for what is no usage. */
function readUsage(given: Json): Usage {
  if (given['prompt_tokens'] !== undefined) {
    const usage = usageFromOpenAI(given)
    if (usage !== null) return usage
    throw wrongUsage('usage must have prompt_tokens and completion_tokens from 0')
  }
  const usage: Record<Kind, number> = { ...NO_USAGE }
  for (const [name, value] of Object.entries(given)) {
    const kind = KINDS.find((known) => snakeCase(known) === name)
    const count = countOf(value)
    if (kind === undefined) {
      throw wrongUsage(`usage has no ${name}; there are ${KINDS.map(snakeCase).join(', ')}`)
    }
    if (count === null) throw wrongUsage(`usage.${name} must be a whole number from 0 to 1e9`)
    usage[kind] = count
  }
  return usage
}

const wrongUsage = (message: string) => new Refusal('invalid_request', message, { param: 'usage' })

function quoteJson(
  { deployment, priceSource, tariff, free, exact, most }: Quote,
  about: { readonly model: string; readonly versionOf: (text: string) => number | null },
) {
  const text = tariff?.text ?? null
  return {
    model: about.model,
    model_id: deployment,
    price_source: priceSource,
    rate_card_version: text === null ? null : about.versionOf(text),
    cost: exact === null ? null : toDollars(exact.cost),
    charge: exact === null ? null : toDollars(exact.charge),
    free_tokens: exact?.freeTokens ?? null,
    free_spend: exact === null ? null : toDollars(exact.freeMoney),
    allowance_left: free === null ? null : leftJson(free),
    most:
      most === null
        ? null
        : {
            prompt_tokens: most.inputTokens,
            completion_tokens: most.outputTokens,
            cost: toDollars(most.cost),
            charge: toDollars(most.charge),
          },
  }
}

const leftJson = ({ unit, left }: NonNullable<Quote['free']>): Record<string, number> =>
  unit === 'tokens' ? { tokens: left } : { dollars: left / 1e9 }

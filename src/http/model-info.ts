import * as Type from 'typebox'
import type { DeploymentConfig } from '../config/config.ts'
import type { Health } from '../gateway/router.ts'
import type { Price, Rates } from '../metering/price.ts'
import { CONFIG_KEYS } from '../metering/prices.ts'
import { unitPricesOf } from '../metering/unit-prices.ts'
import { TOKEN_KINDS } from '../metering/usage.ts'
import { failureJson, NullableFailure, timeText } from './fields.ts'

/** A deployment as clients read it: LiteLLM's `/model/info`, and how it does. */

export type DeploymentParts = {
  /** Null: unpriced. */
  priceOf(deployment: DeploymentConfig): Price | null
  healthOf(id: string): Health
}

const about = (description: string, example: unknown) => ({ description, examples: [example] })
const limit = (description: string, example: number) =>
  Type.Optional(
    Type.Number(about(`${description} Left out: as the config, which says nothing.`, example)),
  )

const ParamsSchema = Type.Object(
  {
    model: Type.String(about('What its upstream is asked for.', 'openai/gpt-4o')),
    api_base: Type.Optional(
      Type.String(about('Where its upstream is.', 'https://api.openai.com/v1')),
    ),
    weight: limit('Its share of the calls beside others of its model.', 2),
    rpm: limit('Calls that it takes in a minute.', 600),
    tpm: limit('Tokens that it takes in a minute.', 100_000),
    max_parallel_requests: limit('Calls that it takes at once.', 10),
  },
  { additionalProperties: false, description: 'How it is reached; never a key.' },
)

const HealthSchema = Type.Object(
  {
    cooldown_until: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description:
        'Until when it is left alone, as long as there is another, because it failed. Null: it ' +
        'is asked.',
      examples: ['2026-11-01T09:30:05.000Z'],
    }),
    last_failure: NullableFailure('a call there'),
    calls_in_flight: Type.Integer(about('Calls that are under way there.', 2)),
    first_byte_ms: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      description:
        'Milliseconds to the first byte, an average in which the newest count most. Null: none ' +
        'has come since the server started.',
      examples: [340],
    }),
  },
  { additionalProperties: false, description: 'How it does.' },
)

export const ModelInfo = Type.Object(
  {
    data: Type.Array(
      Type.Object(
        {
          model_name: Type.String(about('What a call sends as `model`.', 'gpt-4o')),
          litellm_params: ParamsSchema,
          model_info: Type.Record(Type.String(), Type.Unknown(), {
            description:
              'The `model_info` of the config, the id of the deployment, and dollars per token ' +
              'of each kind; no prices where none is known. `price_source` is where they are ' +
              'from: `config`, or the published table with the name of the model there; null: ' +
              'there are none, and the model is refused for whoever has a budget. `config_line` ' +
              'is where its entry begins. `cooldown_until` while it is not asked because it ' +
              'failed.',
            examples: [{ id: 'gpt-4o-1', input_cost_per_token: 0.0000025, price_source: 'config' }],
          }),
          health: HealthSchema,
        },
        { additionalProperties: false },
      ),
      { description: 'Each deployment: several may serve one model.' },
    ),
  },
  { additionalProperties: false },
)

export function modelInfo(deployment: DeploymentConfig, parts: DeploymentParts) {
  const { id, modelName, line } = deployment
  const price = parts.priceOf(deployment)
  const health = healthJson(parts.healthOf(id))
  const { cooldown_until } = health
  return {
    model_name: modelName,
    litellm_params: paramsJson(deployment),
    model_info: {
      ...deployment.modelInfo,
      id,
      ...(price === null ? {} : pricesJson(price)),
      price_source: price?.source ?? null,
      ...(line === 0 ? {} : { config_line: line }),
      ...(cooldown_until === null ? {} : { cooldown_until }),
    },
    health,
  }
}

function paramsJson(deployment: DeploymentConfig): Type.Static<typeof ParamsSchema> {
  const { provider, upstreamModel, apiBase, weight, rpm, tpm, parallelMax } = deployment
  return {
    model: `${provider}/${upstreamModel}`,
    ...(apiBase === null ? {} : { api_base: withoutSecrets(apiBase) }),
    ...(weight === null ? {} : { weight }),
    ...(rpm === null ? {} : { rpm }),
    ...(tpm === null ? {} : { tpm }),
    ...(parallelMax === null ? {} : { max_parallel_requests: parallelMax }),
  }
}

const healthJson = ({ cooledUntil, lastFailure, callsInFlight, latencyMs }: Health) => ({
  cooldown_until: cooledUntil === null ? null : timeText(cooledUntil),
  last_failure: failureJson(lastFailure),
  calls_in_flight: callsInFlight,
  first_byte_ms: latencyMs === null ? null : Math.round(latencyMs),
})

/** A base URL may hold a user and a password, or a key in its query. */
function withoutSecrets(apiBase: string): string {
  if (!URL.canParse(apiBase)) return apiBase
  const { protocol, host, pathname } = new URL(apiBase)
  return `${protocol}//${host}${pathname}`
}

/** Of a price that depends on quality and size the dearest. */
function pricesJson(price: Price): Record<string, number> {
  const { rates, tiers } = price
  const named = (rates: Rates, suffix: string) =>
    TOKEN_KINDS.map((kind) => [`${CONFIG_KEYS[kind]}${suffix}`, dollarsPerToken(rates[kind])])
  const above = tiers.flatMap((tier) =>
    named(tier.rates, `_above_${tier.inputTokensAbove / 1_000}k_tokens`),
  )
  const ofTokens = price.hasTokens === false ? [] : [...named(rates, ''), ...above]
  const ofUnits = unitPricesOf(price)
    .toSorted((a, b) => a.dollars - b.dollars)
    .map(({ key, dollars }) => [key, dollars])
  return Object.fromEntries([...ofTokens, ...ofUnits])
}

/** From nano-dollars a million. One division, so the nearest double to the true price. */
const dollarsPerToken = (nanosPerMillion: number): number => nanosPerMillion / 1e15

import { Elysia } from 'elysia'
import * as Type from 'typebox'
import type { DeploymentConfig } from '../config/config.ts'
import { nearest, Refusal } from '../errors.ts'
import type { Price, Rates } from '../metering/price.ts'
import { CONFIG_KEYS } from '../metering/prices.ts'
import { unitPricesOf } from '../metering/unit-prices.ts'
import { TOKEN_KINDS } from '../metering/usage.ts'
import { timeText } from './fields.ts'
import { operation } from './operation.ts'

export type ModelParts = {
  readonly deployments: readonly DeploymentConfig[]
  /** Null: unpriced. */
  priceOf(deployment: DeploymentConfig): Price | null
  /** Until when it is left alone because it failed, milliseconds; null: it is not. */
  cooledUntil(id: string): number | null
  /** Tells which models a request is to see: a virtual key sees those that it may call. */
  listedFor(request: Request): (model: string) => boolean
}

/** LiteLLM's, for every model: clients require the field, nobody knows the day. */
const CREATED = 1_677_610_602

/** Elysia hands over null, whatever its types say, for a path that it cannot decode. */
const BAD_PATH = 'The model in the path is not percent-encoded UTF-8'

const tag = 'Models'

const Model = Type.Object(
  {
    id: Type.String({ description: 'What a call sends as `model`.', examples: ['demo'] }),
    object: Type.Enum(['model'], {
      type: 'string',
      description: 'What this is.',
      examples: ['model'],
    }),
    created: Type.Integer({ description: 'The same for all.', examples: [CREATED] }),
    owned_by: Type.String({ description: 'The kind of its upstream.', examples: ['openai'] }),
  },
  { additionalProperties: false },
)

const ModelList = Type.Object(
  {
    object: Type.Enum(['list'], {
      type: 'string',
      description: 'What this is.',
      examples: ['list'],
    }),
    data: Type.Array(Model, { description: 'The served models.' }),
  },
  { additionalProperties: false },
)

const about = (description: string, example: unknown) => ({ description, examples: [example] })

const ModelInfo = Type.Object(
  {
    data: Type.Array(
      Type.Object(
        {
          model_name: Type.String(about('What a call sends as `model`.', 'gpt-4o')),
          litellm_params: Type.Object(
            {
              model: Type.String(about('What its upstream is asked for.', 'openai/gpt-4o')),
              api_base: Type.Optional(
                Type.String(about('Where its upstream is.', 'https://api.openai.com/v1')),
              ),
            },
            { additionalProperties: false, description: 'How it is reached; never a key.' },
          ),
          model_info: Type.Record(Type.String(), Type.Unknown(), {
            description:
              'The `model_info` of the config, the id of the deployment, and dollars per token ' +
              'of each kind; no prices where none is known. `cooldown_until` while it is not ' +
              'asked because it failed.',
            examples: [{ id: 'gpt-4o-1', input_cost_per_token: 0.0000025 }],
          }),
        },
        { additionalProperties: false },
      ),
      { description: 'Each deployment: several may serve one model.' },
    ),
  },
  { additionalProperties: false },
)

const notServed = (id: string, served: readonly string[]) => {
  const meant = nearest(id, served)
  const hint = meant === null ? '' : `; did you mean ${meant}?`
  return new Refusal('model_not_found', `The model ${id} is not served${hint}`, { param: 'model' })
}

export function modelRoutes(parts: ModelParts) {
  const { deployments, listedFor } = parts
  const models = new Map<string, Type.Static<typeof Model>>()
  for (const { modelName: id, provider } of deployments) {
    if (models.has(id)) continue
    models.set(id, { id, object: 'model', created: CREATED, owned_by: provider })
  }
  const list = (request: Request) => {
    const isListed = listedFor(request)
    return [...models.values()].filter(({ id }) => isListed(id))
  }
  const find = (request: Request, id: string | null) => {
    if (id === null) throw new Refusal('invalid_request', BAD_PATH, { param: 'model' })
    const listed = list(request)
    const ids = listed.map((model) => model.id)
    const model = listed[ids.indexOf(id)]
    if (model === undefined) throw notServed(id, ids)
    return model
  }
  const info = () => ({
    data: deployments.map((deployment) => modelInfo(deployment, parts)),
  })

  const routes = new Elysia({ normalize: false })
  for (const prefix of ['/v1', '']) {
    routes
      .get(`${prefix}/models`, ({ request }) => ({ object: 'list', data: list(request) }), {
        detail: operation({
          tag,
          summary: 'List the served models',
          description: 'As OpenAI `GET /v1/models`. With a virtual key those that it may call.',
          answer: { description: 'The models.', schema: ModelList },
        }),
      })
      .get(`${prefix}/models/:id`, ({ params, request }) => find(request, params.id), {
        detail: operation({
          tag,
          summary: 'One served model',
          description: 'As OpenAI `GET /v1/models/{model}`. The id may contain slashes.',
          answer: { description: 'The model.', schema: Model },
          refusals: [notServed('dem', ['demo'])],
        }),
      })
      .get(`${prefix}/models/*`, ({ params, request }) => find(request, params['*']), {
        detail: { hide: true },
      })
      .get(`${prefix}/model/info`, info, {
        detail: operation({
          tag,
          summary: 'Each deployment, with its prices',
          description: 'As LiteLLM `GET /model/info`, without anything secret.',
          answer: { description: 'The deployments.', schema: ModelInfo },
        }),
      })
  }
  return routes
}

function modelInfo(deployment: DeploymentConfig, parts: ModelParts) {
  const { id, modelName, provider, upstreamModel, apiBase, modelInfo } = deployment
  const price = parts.priceOf(deployment)
  const cooled = parts.cooledUntil(id)
  const params = { model: `${provider}/${upstreamModel}` }
  return {
    model_name: modelName,
    litellm_params: apiBase === null ? params : { ...params, api_base: withoutSecrets(apiBase) },
    model_info: {
      ...modelInfo,
      id,
      ...(price === null ? {} : pricesJson(price)),
      ...(cooled === null ? {} : { cooldown_until: timeText(cooled) }),
    },
  }
}

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

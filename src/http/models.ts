import { Elysia } from 'elysia'
import * as Type from 'typebox'
import type { DeploymentConfig } from '../config/config.ts'
import { nearest, Refusal } from '../errors.ts'
import { type DeploymentParts, ModelInfo, modelInfo } from './model-info.ts'
import { operation } from './operation.ts'

export type ModelParts = DeploymentParts & {
  readonly deployments: readonly DeploymentConfig[]
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
          summary: 'Each deployment, with its prices and how it does',
          description: 'As LiteLLM `GET /model/info`, without anything secret, and with `health`.',
          answer: { description: 'The deployments.', schema: ModelInfo },
        }),
      })
  }
  return routes
}

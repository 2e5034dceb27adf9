import { Refusal } from '../errors.ts'
import type { Json } from '../metering/wire.ts'
import { anthropicRequest } from '../providers/anthropic/ask.ts'
import { toAnthropic } from '../providers/anthropic/request.ts'
import { translated } from '../providers/anthropic/response.ts'
import { openaiRequest, type UpstreamRequest } from '../providers/openai.ts'
import type { Deployment } from './deployments.ts'
import { ENDPOINTS, type Endpoint, wholeNumber } from './endpoint.ts'
import type { Ask } from './forward.ts'

/** How an upstream is asked, and what its good answer is for us. */
export type UpstreamCall = UpstreamRequest & {
  readonly body: Ask['body']
  readonly answered: (response: Response) => Response
}

/**
 * A call in the wire format of its deployment's provider. One of OpenAI's chat to a model of
 * Anthropic is translated, and its answer back, so that whatever comes after sees OpenAI's wire
 * alone; all others pass as they are.
 */
export function upstreamCall(ask: Ask, deployment: Deployment): UpstreamCall {
  const { endpoint, headers, body } = ask
  if (!speaksAnthropic(deployment)) {
    return { ...openaiRequest(deployment, endpoint.path, headers), body, answered: asItIs }
  }
  if (endpoint.format === 'anthropic') {
    return { ...anthropicRequest(deployment, endpoint.path, headers), body, answered: asItIs }
  }
  // What goes upstream: with the cap and the model's name there.
  const json = typeof body === 'string' ? (JSON.parse(body) as Json) : ask.json
  return {
    ...anthropicRequest(deployment, ENDPOINTS.MESSAGES.path, withoutVersion(headers)),
    body: JSON.stringify(toAnthropic(json, translationFor(deployment))),
    answered: (response) => translated(response, Math.floor(ask.now / 1_000)),
  }
}

/** The translation is into one version of Anthropic's API, whichever the client knows. */
function withoutVersion(headers: Headers): Headers {
  const own = new Headers(headers)
  own.delete('anthropic-version')
  return own
}

const asItIs = (response: Response) => response

/** A call, and a deployment that it might be sent to. */
type Candidate = {
  readonly endpoint: Endpoint
  readonly deployment: Deployment
  readonly json: Json
}

/**
 * Why a deployment's provider cannot be asked a call: an endpoint that it does not have, a member
 * that it wants, or one that cannot be translated for it. Null: it can be.
 */
export function misfitOf(call: Candidate): Refusal | null {
  try {
    requireFit(call)
    return null
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

function requireFit({ endpoint, deployment, json }: Candidate) {
  const { provider, modelName, upstreamModel, mockResponse } = deployment
  if (endpoint === ENDPOINTS.MESSAGES) requireCap(json)
  // What is simulated says by itself what it has no answer for.
  if (provider === 'demo' || mockResponse !== null) return
  if (!speaksAnthropic(deployment)) {
    if (endpoint.format === 'anthropic') throw notAnthropic(modelName, endpoint.path)
    return
  }
  if (endpoint.format === 'anthropic') return
  if (endpoint !== ENDPOINTS.CHAT) throw onlyAnthropic(modelName, endpoint.path)
  toAnthropic({ ...json, model: upstreamModel }, translationFor(deployment))
}

/** Said here, where a budget would otherwise give a call a cap that Anthropic refuses without. */
function requireCap(json: Json) {
  if (wholeNumber(json, 'max_tokens', { least: 0, most: 1e9 }) !== null) return
  const message = '`max_tokens` is missing: Anthropic wants the longest answer, in tokens.'
  throw new Refusal('invalid_request', message, { param: 'max_tokens' })
}

const speaksAnthropic = ({ provider }: Deployment): boolean => provider === 'anthropic'

const translationFor = ({ outputTokensMax, rules }: Deployment) => ({
  outputTokensMax,
  dropsParams: rules.dropsParams,
})

/** The reverse is not translated: thoughts and the marks of caches would be lost on the way. */
const notAnthropic = (modelName: string, path: string): Refusal =>
  new Refusal(
    'invalid_request',
    `\`${modelName}\` is not one of Anthropic's models, which ${path} is for. ` +
      `Call it at ${ENDPOINTS.CHAT.path}.`,
    { param: 'model' },
  )

const onlyAnthropic = (modelName: string, path: string): Refusal =>
  new Refusal(
    'invalid_request',
    `\`${modelName}\` is one of Anthropic's models, which have no ${path}. ` +
      `Call it at ${ENDPOINTS.CHAT.path} or ${ENDPOINTS.MESSAGES.path}.`,
    { param: 'model' },
  )

import { Refusal } from '../errors.ts'
import type { VirtualKey } from '../ledger/key.ts'
import type { StoredResponse } from '../ledger/stored-response.ts'
import type { Json } from '../metering/wire.ts'
import { openaiRequest } from '../providers/openai.ts'
import type { Deployment, Deployments } from './deployments.ts'
import { answerHeaders } from './forward.ts'
import { readAtMost } from './read.ts'
import { connectionFailed, refusalOf } from './upstream-errors.ts'

/** What is needed of the store: responses that their upstream still has. */
export type StoredStore = { find(id: string, now: number): StoredResponse | null }

/** How long the upstream may take for what it has already. */
const TIMEOUT_MS = 60_000
const ERROR_BYTES_MAX = 64 * 1024

/**
 * The response that a call goes on from (`previous_response_id`); null: it goes on from none.
 * Throws `invalid_request` for one that is not known here, or is somebody else's: who could name it
 * would read it, and what it adds to the prompt has to be known before it is paid for.
 */
export function previousOf(
  json: Json,
  by: { readonly key: VirtualKey | null; readonly tab: number | null; readonly now: number },
  store: StoredStore,
): StoredResponse | null {
  const id = json['previous_response_id'] ?? null
  if (id === null) return null
  const known = typeof id === 'string' ? store.find(id, by.now) : null
  const isOwn = by.key === null || by.key.id === known?.keyId
  if (known !== null && known.tab === by.tab && isOwn) return known
  const shown = JSON.stringify(id).slice(0, 100)
  throw new Refusal(
    'invalid_request',
    `Previous response with id ${shown} not found: it has to be of the same customer and key, ` +
      'made through this gateway, with `store`, and not older than 30 days.',
    { param: 'previous_response_id' },
  )
}

/**
 * Whether a deployment can go on from a response: only the account that keeps it has it. Every one
 * can when there is none.
 */
export function canGoOnFrom(previous: StoredResponse | null, deployments: Deployments) {
  const keeper = previous === null ? null : deployments.byId(previous.deployment)
  return ({ apiBase, apiKey }: Deployment): boolean =>
    previous === null || (apiBase === keeper?.apiBase && apiKey === keeper.apiKey)
}

export const keptElsewhere = (model: string): Refusal =>
  new Refusal(
    'invalid_request',
    `The previous response is kept by another upstream than those of \`${model}\`.`,
    { param: 'previous_response_id' },
  )

/** What may be asked of a response that is kept. */
export type Retrieval = {
  readonly id: string
  /** Below it: nothing, `/cancel` or `/input_items`. */
  readonly below: string
  /** With the `?`, or empty. */
  readonly query: string
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly headers: Headers
  readonly key: VirtualKey | null
  readonly signal: AbortSignal
}

/**
 * Asks the upstream that keeps a response for it. It was paid for when it was made, so this is not
 * metered. Throws `not_found` for one that is not known here, or was made with another key.
 */
export async function retrieve(
  asked: Retrieval,
  parts: {
    readonly responses: StoredStore
    readonly deployments: Deployments
    readonly now: () => number
  },
): Promise<Response> {
  const { id, key } = asked
  const known = parts.responses.find(id, parts.now())
  const deployment = known === null ? null : parts.deployments.byId(known.deployment)
  const isOwn = key === null || key.id === known?.keyId
  if (deployment === null || !isOwn) {
    throw new Refusal('not_found', `Response with id '${id}' not found.`, { param: 'response_id' })
  }
  if (asked.method === 'DELETE' && known?.context === null) {
    const message = `Response with id '${id}' is still being made; cancel it first.`
    throw new Refusal('in_use', message, { param: 'response_id' })
  }
  const response = await askStored(deployment, asked)
  if (response.ok) {
    return new Response(response.body, {
      status: response.status,
      headers: { ...answerHeaders(response), 'x-content-type-options': 'nosniff' },
    })
  }
  const text = new TextDecoder().decode((await readAtMost(response, ERROR_BYTES_MAX)).bytes)
  throw refusalOf(response, text, deployment)
}

/** Asks for what an upstream keeps. Throws `upstream_failed` when it cannot be reached. */
export async function askStored(
  deployment: Deployment,
  asked: Pick<Retrieval, 'id' | 'below' | 'query' | 'method' | 'headers' | 'signal'>,
): Promise<Response> {
  const { id, below, query, method } = asked
  const path = `/responses/${encodeURIComponent(id)}${below}${query}`
  const { url, headers } = openaiRequest(deployment, path, asked.headers)
  const signal = AbortSignal.any([asked.signal, AbortSignal.timeout(TIMEOUT_MS)])
  try {
    return await fetch(url, { method, headers, redirect: 'manual', signal })
  } catch (cause) {
    if (asked.signal.aborted) throw asked.signal.reason
    throw connectionFailed(deployment, cause)
  }
}

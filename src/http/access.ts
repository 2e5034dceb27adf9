import { Refusal } from '../errors.ts'
import type { KeyRole, VirtualKey } from '../ledger/key.ts'
import { pathOf } from './address.ts'
import type { Caller } from './auth.ts'

/** A request as far as it decides who may make it. */
type Asked = { readonly method: string; readonly path: string }

const customerReports = [
  'info',
  'list',
  'near_limit',
  'periods',
  'daily/activity',
  'credit/balance',
  'credit/history',
  'statement',
].flatMap((name) => [`GET /customer/${name}`, `GET /end_user/${name}`])

const MODELS = ['GET /models', 'GET /v1/models']

/** Below these are the models, one by one. */
const EACH_MODEL = MODELS.map((route) => `${route}/`)

/** Below these are responses that an upstream keeps, each of them its own key's alone. */
const EACH_RESPONSE = ['GET', 'POST', 'DELETE'].flatMap((method) => [
  `${method} /responses/`,
  `${method} /v1/responses/`,
])

/** What a virtual key may ask for by its role below a path. */
const OPEN_BELOW: Readonly<Record<KeyRole, readonly string[]>> = {
  calls: [...EACH_MODEL, ...EACH_RESPONSE],
  reports: EACH_MODEL,
}

/**
 * What a virtual key may ask for by its role, besides the metered paths, which look after that
 * themselves. What is not here is the master key's alone, so that a new route is closed until
 * somebody opens it.
 */
const OPEN_TO: Readonly<Record<KeyRole, ReadonlySet<string>>> = {
  calls: new Set([...MODELS, 'GET /key/info']),
  reports: new Set([
    ...MODELS,
    'GET /model/info',
    'GET /v1/model/info',
    ...customerReports,
    'GET /spend/logs',
    'GET /spend/logs/export',
    'GET /spend/series',
    'GET /margin',
    'GET /spend/now',
    'GET /spend/live',
    'GET /global/spend/end_users',
    'POST /global/spend/end_users',
    'GET /budget/list',
    'GET /budget/settings',
    'GET /budget/reset',
    'POST /budget/info',
    'POST /budget/preview',
    'GET /key/info',
    'GET /key/list',
    'GET /metrics',
    'GET /webhook/receivers',
    'GET /webhook/events',
    'GET /exports',
    'GET /rate_card/list',
    'GET /rate_card/info',
    'POST /price/quote',
    'GET /exports/dead',
    ...['POST', 'GET', 'DELETE'].map((method) => `${method} /ui/session`),
  ]),
}

/** LiteLLM's names for the routes of a role. */
export const ROUTES_OF: Readonly<Record<KeyRole, string>> = {
  calls: 'llm_api_routes',
  reports: 'info_routes',
}

/** Throws `forbidden` for a virtual key whose role does not open the route. */
export function requireAccess(caller: Caller, asked: Asked) {
  if (caller === 'master') return
  const route = `${asked.method} ${asked.path}`
  const isBelow = OPEN_BELOW[caller.role].some((above) => route.startsWith(above))
  if (!isBelow && !OPEN_TO[caller.role].has(route)) throw forbidden(caller.role, asked.path)
}

/** The key that a metered call comes with; null: the master key. Throws `forbidden`. */
export function requireCalls(caller: Caller, request: Request): VirtualKey | null {
  if (caller === 'master') return null
  if (caller.role !== 'calls') throw forbidden(caller.role, pathOf(request.url))
  return caller
}

/** LiteLLM's sentence, and after it what would be right. */
const forbidden = (role: KeyRole, path: string) =>
  new Refusal(
    'forbidden',
    'Virtual key is not allowed to call this route. ' +
      `Only allowed to call routes: ['${ROUTES_OF[role]}']. Tried to call route: ${path}. ` +
      'Use the master key.',
  )

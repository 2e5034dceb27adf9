import { type AnyElysia, Elysia } from 'elysia'
import * as Type from 'typebox'
import type { DeploymentConfig } from '../../src/config/config.ts'
import { DEFAULT_PORTAL } from '../../src/config/portal.ts'
import { AS_OPENAI } from '../../src/config/providers.ts'
import { DEFAULT_UPSTREAM_RULES } from '../../src/config/upstream-rules.ts'
import { Refusal } from '../../src/errors.ts'
import { authenticator } from '../../src/http/auth.ts'
import { Live } from '../../src/http/live.ts'
import { nothing } from '../../src/http/measures.ts'
import type { Now } from '../../src/http/now.ts'
import { operation } from '../../src/http/operation.ts'
import { portalTokens } from '../../src/http/portal-token.ts'
import { type ServerParts, server } from '../../src/http/server.ts'
import { fromDollars, type Nanos, ZERO } from '../../src/ledger/money.ts'
import { type Price, ratesWith } from '../../src/metering/price.ts'
import { fakeWebhooks } from './fake-deliveries.ts'
import { fakeExports } from './fake-exports.ts'
import { type FakeStore, fakeStore, NOW } from './fake-store.ts'

/** Our app over a fake store, and a way to ask it that needs no port. */

export const MASTER_KEY = 'sk-master-1234'

export type Answer = {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever was answered.
  readonly json: any
}

export type Gateway = {
  readonly app: AnyElysia
  readonly store: FakeStore
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>
  send(path: string, init: RequestInit): Promise<Answer>
}

export function gatewayWith(parts: Partial<ServerParts> = {}): Gateway {
  const store = fakeStore()
  const app = server({
    authenticate: authenticator({
      masterKey: MASTER_KEY,
      findKey: (hash) => (parts.keys ?? NO_KEYS).find(hash)?.key ?? null,
      failedAuthLimit: 20,
      signedIn: () => null,
      isPortalToken: (secret) => TOKENS.read(secret) !== null,
      addressOf: () => null,
      now: () => NOW,
    }),
    sessions: NO_SESSIONS,
    masterKey: MASTER_KEY,
    consolePage: () => Promise.resolve(NO_PAGE),
    portalPage: () => Promise.resolve(NO_PAGE),
    portal: DEFAULT_PORTAL,
    topUpUrl: null,
    portalTokens: TOKENS,
    isMasterKey: (secret) => secret === MASTER_KEY,
    mayCall: () => true,
    keys: NO_KEYS,
    reports: NO_REPORTS,
    tabUsage: { async *days() {}, async *since() {} },
    series: NO_SERIES,
    present: () => PRESENT,
    live: closedLive(),
    mayTakeTime: () => {},
    heldWithKey: () => ZERO,
    now: () => NOW,
    version: '0.1.0',
    customers: store,
    budgets: store,
    nearLimits: { async *above() {}, async *nearOwn() {} },
    deployments: [deployment({ modelName: 'demo', provider: 'demo', apiBase: null })],
    priceOf: () => null,
    healthOf: () => UNSEEN,
    held: (): Nanos => ZERO,
    heldCredit: (): Nanos => ZERO,
    credit: NO_CREDIT,
    budgetOf: (assigned) => assigned,
    periodsOf: (id) => (id === 'alice' ? [{ start: 0, end: NOW, spent: fromDollars(1) }] : null),
    metrics: () => 'tollgate_calls_in_flight 0\n',
    resetsAt: ({ resetAt, duration }) => resetAt ?? (duration === null ? null : NOW + DAY_MS),
    isReady: () => true,
    diskRefusal: () => null,
    ...fakeWebhooks().parts,
    ...fakeExports().parts,
    rateCards: { find: () => null, list: () => [], known: () => null },
    statements: { wallet: () => NO_WALLET, corrections: () => [] },
    currencyOf: () => null,
    quote: () => Promise.reject(new Refusal('model_not_found', 'none is served here')),
    calls: echo(),
    passThroughs: [],
    passThroughRoutes: new Elysia(),
    authorize: () => null,
    retrieve: () => Promise.resolve(Response.json({})),
    ...parts,
  })
  const send = async (path: string, init: RequestInit) => {
    const response = await app.handle(new Request(`http://localhost${path}`, init))
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    return {
      status: response.status,
      headers: response.headers,
      json: isJson ? JSON.parse(text) : text,
    }
  }
  const authorized = { authorization: `Bearer ${MASTER_KEY}` }
  return {
    app,
    store,
    send,
    get: (path, headers = authorized) => send(path, { headers }),
    post: (path, body, headers = authorized) =>
      send(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
  }
}

const DAY_MS = 86_400_000
const NO_WALLET = {
  opening: ZERO,
  closing: ZERO,
  sums: { grant: ZERO, draw: ZERO, expiry: ZERO, refund: ZERO, adjustment: ZERO },
  entries: [],
}
const NO_PAGE = { html: '<!doctype html>', script: '', style: '' }
const TOKENS = portalTokens(MASTER_KEY)

/** A deployment that nobody has asked. */
const UNSEEN = { cooledUntil: null, lastFailure: null, callsInFlight: 0, latencyMs: null }

/** A store without a key; tests of the routes of keys have a real one. */
const NO_KEYS: ServerParts['keys'] = {
  find: () => null,
  findByAlias: () => null,
  list: () => ({ keys: [], total: 0 }),
  create: () => Promise.reject(new Error('this store has no keys')),
  update: () => Promise.reject(new Error('this store has no keys')),
  remove: () => Promise.reject(new Error('this store has no keys')),
}

/** A store without a wallet; tests of credit have a real one. */
const NO_CREDIT: ServerParts['credit'] = {
  order: () => Promise.reject(new Error('this store has no wallets')),
  openGrants: () => [],
  entries: () => [],
  hasEntry: () => false,
}

/** Nobody is signed in to the console; tests of that have a real store. */
const NO_SESSIONS: ServerParts['sessions'] = {
  find: () => null,
  open: () => Promise.resolve(),
  close: () => Promise.resolve(),
}

/** A ledger without a row; tests of reports have a real one. */
const NO_REPORTS: ServerParts['reports'] = {
  find: () => null,
  isPlace: () => false,
  async *slices() {},
  days: async () => [],
  async *daySums() {},
}

const NO_SERIES: ServerParts['series'] = {
  async *ofModels() {},
  async *ofKey() {},
  async *ofCustomer() {},
  topCustomers: async () => [],
  async *hoursOfTabs() {},
}

/** Its streams end after the first event. */
function closedLive(): Live {
  const live = new Live({ look: () => ({ data: '{}', same: '' }), version: () => '' })
  live.close()
  return live
}

const PRESENT: Now = {
  at: NOW,
  today: nothing(),
  month: nothing(),
  held: 0,
  callsInFlight: 0,
  customers: 0,
  customersBlocked: 0,
  eventsPending: 0,
  eventsDead: 0,
}

/** A metered path in small: its body is not parsed, and it looks after its key itself. */
function echo(): AnyElysia {
  return new Elysia().post('/v1/chat/completions', ({ request }) => request.text(), {
    parse: 'none',
    detail: operation({
      tag: 'Calls',
      summary: 'A chat completion',
      description: 'As OpenAI.',
      unparsedBody: { schema: Type.Object({ model: Type.String() }) },
      answer: { description: 'The completion.', schema: Type.Unknown() },
    }),
  }) as AnyElysia
}

export const deployment = (of: Partial<DeploymentConfig>): DeploymentConfig => ({
  id: 'd1',
  modelName: 'gpt-4o',
  provider: 'openai',
  upstreamModel: 'gpt-4o',
  pricedAs: { provider: 'openai', model: 'gpt-4o' },
  dialect: AS_OPENAI,
  apiBase: 'https://api.openai.com/v1',
  apiKey: 'sk-secret',
  extraHeaders: { 'x-secret': 'sk-secret' },
  mockResponse: null,
  price: null,
  services: {},
  weight: null,
  rpm: null,
  tpm: null,
  parallelMax: null,
  timeoutMs: 1_000,
  rules: DEFAULT_UPSTREAM_RULES,
  region: null,
  outputTokensMax: null,
  inputTokensMax: null,
  modelInfo: {},
  line: 1,
  ...of,
})

/** Dollars a million tokens, the same for every kind. */
export function flatPrice(dollars: number, tiers: Price['tiers'] = []): Price {
  const rate = fromDollars(dollars)
  return { rates: ratesWith({ input: rate, output: rate }), tiers, source: 'config' }
}

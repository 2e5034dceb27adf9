import { monotonicFactory } from 'ulid'
import type { Config } from './config/config.ts'
import { secretsOf } from './config/secrets.ts'
import { served, unpriced } from './config/served.ts'
import { creditOrders, creditTelling, sweepExpired } from './crediting.ts'
import { eventsOf } from './events/events.ts'
import { Outbox } from './events/outbox.ts'
import { receiverWarnings } from './events/receiver.ts'
import { exporting } from './exporting.ts'
import { Accounts } from './gateway/accounts.ts'
import { binding } from './gateway/binding.ts'
import { type Gateway, handleCall } from './gateway/call.ts'
import { Checkpoints } from './gateway/checkpoints.ts'
import { type Deployment, Deployments, snapshotsOf } from './gateway/deployments.ts'
import { handleFreeCall } from './gateway/free-call.ts'
import { Idempotency } from './gateway/idempotency.ts'
import { InFlight } from './gateway/in-flight.ts'
import { mayCall } from './gateway/key-access.ts'
import { quoteOf } from './gateway/quote.ts'
import { recover } from './gateway/recover.ts'
import { Router } from './gateway/router.ts'
import { soundMsOf } from './gateway/sound-length.ts'
import { retrieve } from './gateway/stored.ts'
import { Tariffs } from './gateway/tariff.ts'
import { tokenizerFor } from './gateway/tokenizer.ts'
import { requireCalls } from './http/access.ts'
import { authenticator } from './http/auth.ts'
import { callRoutes } from './http/calls.ts'
import { passThroughRoutes } from './http/pass-through.ts'
import { portalTokens } from './http/portal-token.ts'
import { server } from './http/server.ts'
import { sessionOf } from './http/session.ts'
import { KNOWN_MODELS } from './known-models.ts'
import type { BudgetedCustomer } from './ledger/customer.ts'
import { hideInLog, logWarning, print } from './log.ts'
import { madeMasterKey, requireKeyOrLoopback } from './master-key.ts'
import { type Observing, observing } from './observing.ts'
import { presentOf } from './present.ts'
import {
  decoded,
  isReachable,
  type Listener,
  listen,
  mayTakeTime,
  onStopSignal,
} from './runtime/runtime.ts'
import { openSpool } from './runtime/spool.ts'
import { pause, stop } from './stop.ts'
import { Store } from './store/store.ts'
import { VERSION } from './version.ts'

/** Serves until SIGTERM or SIGINT. Throws, having taken no call, when it cannot start. */
export async function serve(config: Config): Promise<void> {
  hideInLog(secretsOf(config))
  for (const warning of config.warnings) logWarning(warning)
  requireKeyOrLoopback(config)
  const parts = await joinParts(config)
  for (const deployment of parts.deployments.all) {
    if (deployment.price === null) logWarning(unpriced(deployment))
  }
  const waitedFor = parts.store.deliveries.receivers()
  for (const warning of receiverWarnings(config.webhooks, waitedFor)) logWarning(warning)
  const { defaultBudgetId } = config.budgets
  if (defaultBudgetId !== null && parts.store.findBudget(defaultBudgetId) === null) {
    logWarning(
      `litellm_settings.max_end_user_budget_id names the budget ${defaultBudgetId}, which does ` +
        'not exist: customers without one of their own are refused until /budget/new makes it',
    )
  }
  const listener = await listen(parts.app, config)
  parts.door.addressOf = listener.addressOf
  parts.outbox.wake()
  parts.exporters.wake()
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  // Before it is said that we listen: who waits for that may send a signal at once.
  const hurry = Promise.withResolvers<void>()
  const patience = () => Promise.race([pause(config.shutdownTimeoutMs), hurry.promise])
  onStopSignal(() => void stop(listener, parts, patience), hurry.resolve)
  print(`Tollgate ${VERSION} is listening on http://${host}:${listener.port}`)
}

/** What `check` prints: the deployments of a config, with their prices. */
export function whatItServes(config: Config): string {
  const { all } = new Deployments(config.deployments, KNOWN_MODELS)
  const prices = new Map(all.map(({ id, price }) => [id, price]))
  return served(config, ({ id }) => prices.get(id) ?? null)
}

async function joinParts(config: Config) {
  const deployments = new Deployments(config.deployments, KNOWN_MODELS)
  const watch = await observing(config, deployments)
  const books = await openBooks(config, watch)
  const { store, accounts, outbox, exporters, now } = books
  const snapshots = new Set(deployments.all.flatMap(snapshotsOf))
  for (const snapshot of snapshots) await store.addPrice(snapshot)
  if (config.rateCard !== null) await store.rates.add(config.rateCard)
  const masterKey = config.masterKey ?? madeMasterKey(config.databasePath)
  const left = store.openCalls.left()
  const unfinished = store.responses.unfinished()
  await recover({ left, unfinished, deployments, accounts, commit: books.commit, now })
  const inFlight = new InFlight({ calls: config.callsInFlightMax, bytes: config.bodiesBytesMax })
  const gateway = gatewayOver(config, books, { deployments, inFlight })
  // Where a request came from is known once somebody listens.
  const door: Pick<Listener, 'addressOf'> = { addressOf: () => null }
  const present = presentOf({ store, accounts, outbox, inFlight, now })
  const app = routesTo(gateway, books, { config, masterKey, door, watch, present })
  const stopSweep = sweepExpired(books)
  const { live } = present
  return { app, store, outbox, exporters, deployments, inFlight, door, watch, live, stopSweep }
}

type Books = Awaited<ReturnType<typeof openBooks>>

/** The database, what is kept of it in memory, and who is told of its changes. */
async function openBooks(config: Config, watch: Observing) {
  const now = Date.now
  const makeId = monotonicFactory()
  const newId = () => makeId(now())
  const { budgetOf, periodOf } = binding(config.budgets, (id) => store.findBudget(id))
  const store = await Store.open({
    path: config.databasePath,
    durability: config.durability,
    periodOf,
    now,
    newId,
    changed: (what) => accounts.changed(what, now()),
    credit: creditTelling(config.credit, { outbox: () => outbox, newId }),
    committed: watch.committed,
  })
  const exporters = await exporting(config, store)
  const { thresholds } = config.budgets
  const creditLowAt = config.credit.lowAt
  const tariffs = new Tariffs(config.rateCard)
  const accounts = new Accounts({
    store,
    budgetOf,
    periodOf,
    tariffs,
    thresholds,
    creditLowAt,
  })
  const { deliveries } = store
  const { random } = Math
  const { tried } = watch
  const outbox = new Outbox(config.webhooks, { store: deliveries, now, random, newId, tried })
  const versionOf = (card: string) => store.rates.known(card)
  const commit: Gateway['commit'] = async (settlement, budget, remembered) => {
    const isTold = outbox.receivers.length > 0
    const events = isTold ? outbox.address(eventsOf(settlement, { budget, newId, versionOf })) : []
    await store.commit(settlement, events, remembered)
    watch.booked(settlement.row)
    if (events.length > 0) outbox.wake()
  }
  return { store, accounts, outbox, exporters, commit, budgetOf, periodOf, tariffs, now, newId }
}

function gatewayOver(
  config: Config,
  { store, accounts, commit, now }: Books,
  { deployments, inFlight }: Pick<Gateway, 'deployments' | 'inFlight'>,
): Gateway {
  return {
    inFlight,
    idempotency: new Idempotency(store.answers),
    checkpoints: new Checkpoints({ write: store.openCalls.checkpoint, tokenizerFor }),
    isReachable,
    decoded,
    router: new Router(deployments, config.routing),
    openCalls: store.openCalls,
    begin: (call, stored) => store.begin(call, stored),
    responses: store.responses,
    clientIdleMs: config.clientIdleMs,
    identifyRules: { headers: headersThatName(config) },
    deployments,
    accounts,
    isHealthy: () => store.isHealthy(),
    budgetExceededStatus: config.budgetExceededStatus,
    topUpUrl: config.credit.topUpUrl,
    rules: config.budgets,
    tokenizerFor,
    commit,
    now,
  }
}

function routesTo(
  gateway: Gateway,
  { store, accounts, outbox, exporters, budgetOf, periodOf, tariffs, now, newId }: Books,
  about: {
    readonly config: Config
    readonly masterKey: string
    readonly door: Pick<Listener, 'addressOf'>
    readonly watch: Observing
    readonly present: ReturnType<typeof presentOf>
  },
) {
  const { config, masterKey, door, watch, present } = about
  const { inFlight, deployments, checkpoints } = gateway
  const tokens = portalTokens(masterKey)
  const authenticate = authenticator({
    masterKey,
    findKey: (hash) => accounts.findKey(hash, now())?.self ?? null,
    failedAuthLimit: config.failedAuthLimit,
    addressOf: (request) => door.addressOf(request),
    signedIn: (request) => sessionOf(request, { sessions, masterKey, now })?.keyHash ?? null,
    isPortalToken: (secret) => tokens.read(secret) !== null,
    now,
  })
  const { sessions } = store
  const diskRefusal = (error: unknown) => store.refusalOf(error)
  const authorize = (request: Request) => requireCalls(authenticate(request), request)
  const body = { bytesMax: config.bodyBytesMax, timeoutMs: config.bodyTimeoutMs }
  const passage = { inFlight, mayTakeTime, body, newId }
  const { headers: customerHeaders } = gateway.identifyRules
  return server({
    authenticate,
    sessions,
    masterKey,
    consolePage: async () => (await import('./ui/files.ts')).CONSOLE,
    portal: config.portal,
    topUpUrl: config.credit.topUpUrl,
    portalTokens: tokens,
    portalPage: async () => (await import('./ui/files.ts')).PORTAL,
    authorize,
    retrieve: (asked) => retrieve(asked, gateway),
    isMasterKey: (secret) => secret === masterKey,
    mayCall: (key, model) => mayCall(accounts, key, model, now()),
    keys: store.keys,
    heldWithKey: (hash) => accounts.heldWithKey(hash),
    now,
    version: VERSION,
    ...callRoutes({
      handleCall: (call) => handleCall(call, gateway),
      handleFreeCall: (call) => handleFreeCall(call, gateway),
      authorize,
      form: { openSpool, soundMsOf, ...config.uploads },
      observe: watch.observe,
      diskRefusal,
      ...passage,
    }),
    passThroughs: config.passThroughs,
    passThroughRoutes: passThroughRoutes({ ...config, ...passage, authenticate, customerHeaders }),
    deployments: deployments.all,
    priceOf: (deployment) => (deployment as Deployment).price,
    healthOf: (id) => gateway.router.health(id, now()),
    customers: store,
    periodsOf: (id, limit) => store.periodsOf(id, limit),
    budgets: store,
    ...readingOf(store),
    currencyOf: currencyBy(tariffs, budgetOf),
    quote: (asked) => quoteOf(asked, gateway),
    ...present,
    mayTakeTime,
    deliveries: store.deliveries,
    outbox,
    exports: store.exports,
    exporters,
    held: (id) => accounts.held(id),
    heldCredit: (id) => accounts.wallets.held(id),
    credit: { ...store.credit, order: creditOrders({ store, accounts, now }) },
    resetsAt: (budget) => periodOf(budget, now()).end,
    budgetOf,
    metrics: () => watch.metrics({ store, accounts, inFlight, checkpoints, outbox, exporters }),
    isReady: () => store.isHealthy(),
    diskRefusal,
  })
}

/** What reports are made of. */
const readingOf = (store: Books['store']) => ({
  reports: store.reports,
  tabUsage: store.reports.tabs,
  series: store.series,
  statements: store.statements,
  nearLimits: store.nearLimits,
  rateCards: store.rates,
})

/** In which a customer is shown its money; null: in dollars. */
const currencyBy =
  (tariffs: Tariffs, budgetOf: Books['budgetOf']) =>
  ({ customer, budget }: BudgetedCustomer) =>
    tariffs.of(customer, budgetOf(budget))?.card?.currency ?? null

/** The headers of the config whose value is the customer, in the contract's order. */
const headersThatName = ({ customerHeaders, userHeaderName }: Config): string[] =>
  userHeaderName === null ? [...customerHeaders] : [...customerHeaders, userHeaderName]

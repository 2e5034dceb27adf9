import { monotonicFactory, ulid } from 'ulid'
import type { Config } from './config/config.ts'
import { served, unpriced } from './config/served.ts'
import { eventsOf } from './events/events.ts'
import { Outbox } from './events/outbox.ts'
import { receiverWarnings } from './events/receiver.ts'
import { Accounts } from './gateway/accounts.ts'
import { binding } from './gateway/binding.ts'
import { type Gateway, handleCall } from './gateway/call.ts'
import { type Deployment, Deployments } from './gateway/deployments.ts'
import { InFlight } from './gateway/in-flight.ts'
import { tokenizerFor } from './gateway/tokenizer.ts'
import { digestOf, requireMasterKey } from './http/auth.ts'
import { callRoutes } from './http/calls.ts'
import { server } from './http/server.ts'
import type { Budget } from './ledger/budget.ts'
import type { Settlement } from './ledger/settlement.ts'
import { logError, logInfo, logWarning, print } from './log.ts'
import { outputTokensMax } from './metering/limits.ts'
import { builtInPrice } from './metering/prices.ts'
import {
  exit,
  type Listener,
  listen,
  makeFolderOf,
  onStopSignal,
  readText,
  writePrivate,
} from './runtime/runtime.ts'
import { UnusableDatabase } from './store/schema.ts'
import { Store } from './store/store.ts'
import { VERSION } from './version.ts'

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1', '[::1]'])

/** Serves until SIGTERM or SIGINT. Throws, having taken no call, when it cannot start. */
export async function serve(config: Config): Promise<void> {
  for (const warning of config.warnings) logWarning(warning)
  makeFolderOf(config.databasePath)
  const masterKey = config.masterKey ?? madeMasterKey(config)
  const parts = await joinParts(config, masterKey)
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
  parts.outbox.wake()
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

/** What is known of models besides the config, as of this start. */
const KNOWN_MODELS = {
  builtInPrice: (provider: string, model: string) => builtInPrice(provider, model, Date.now()),
  outputTokensMax,
}

type Parts = Awaited<ReturnType<typeof joinParts>>

async function joinParts(config: Config, masterKey: string) {
  const now = Date.now
  const makeId = monotonicFactory()
  const newId = () => makeId(now())
  const rules = config.budgets
  const { budgetOf, periodOf } = binding(rules, (id) => store.findBudget(id))
  const store = await openStore(config, {
    periodOf,
    now,
    newId,
    changed: (what) => accounts.changed(what, now()),
  })
  const accounts = new Accounts({ store, budgetOf, periodOf, thresholds: rules.thresholds })
  const deployments = new Deployments(config.deployments, KNOWN_MODELS)
  const snapshots = new Set(deployments.all.map(({ priceSnapshot }) => priceSnapshot))
  for (const snapshot of snapshots) if (snapshot !== null) await store.addPrice(snapshot)
  const { deliveries } = store
  const { random } = Math
  const outbox = new Outbox(config.webhooks, { store: deliveries, now, random, newId })

  const commit = async (settlement: Settlement, budget: Budget | null) => {
    const isTold = outbox.receivers.length > 0
    const events = isTold ? outbox.address(eventsOf(settlement, { budget, newId })) : []
    await store.commit(settlement, events)
    if (events.length > 0) outbox.wake()
  }
  const inFlight = new InFlight()
  const gateway: Gateway = {
    inFlight,
    identifyRules: { headers: headersThatName(config) },
    deployments,
    accounts,
    isHealthy: () => store.isHealthy(),
    budgetExceededStatus: config.budgetExceededStatus,
    rules,
    tokenizerFor,
    commit,
    now,
  }
  const keyDigest = digestOf(masterKey)
  const app = server({
    masterKey,
    version: VERSION,
    calls: callRoutes({
      handleCall: (call) => handleCall(call, gateway),
      authorize: (headers) => requireMasterKey(headers, keyDigest),
      bodyBytesMax: config.bodyBytesMax,
      newId,
    }),
    deployments: deployments.all,
    priceOf: (deployment) => (deployment as Deployment).price,
    customers: store,
    periodsOf: (id, limit) => store.periodsOf(id, limit),
    budgets: store,
    deliveries,
    outbox,
    held: (id) => accounts.held(id),
    resetsAt: (budget) => periodOf(budget, now()).end,
    budgetOf,
    heldInAll: () => accounts.heldInAll(),
    isReady: () => store.isHealthy(),
  })
  return { app, store, outbox, deployments, inFlight }
}

/** The headers of the config whose value is the customer, in the contract's order. */
const headersThatName = ({ customerHeaders, userHeaderName }: Config): string[] =>
  userHeaderName === null ? [...customerHeaders] : [...customerHeaders, userHeaderName]

async function openStore(config: Config, options: Omit<Parameters<typeof Store.open>[0], 'path'>) {
  try {
    return await Store.open({ ...options, path: config.databasePath })
  } catch (cause) {
    if (cause instanceof UnusableDatabase) throw cause
    const why = (cause as Error).message
    throw new UnusableDatabase(
      `The database ${config.databasePath} cannot be opened: ${why}. Name another with --db FILE.`,
      { cause },
    )
  }
}

/**
 * A key for a server that was given none: made once, kept beside the database where only its owner
 * can read it, and printed. Nobody chose it, so it guards loopback only.
 */
function madeMasterKey({ host, databasePath }: Config): string {
  if (!LOOPBACK.has(host)) {
    throw new Error(
      `there is no master key, and ${host} can be reached by others. ` +
        'Set TOLLGATE_MASTER_KEY, or listen on 127.0.0.1.',
    )
  }
  const path = `${databasePath}.key`
  const kept = readText(path)?.trim()
  const key = kept === undefined || kept === '' ? `sk-${ulid()}${ulid()}`.toLowerCase() : kept
  if (key !== kept) writePrivate(path, `${key}\n`)
  print(`No master key is set; this one is kept in ${path}: ${key}`)
  return key
}

/** How long clients may take to read that they were cut off, and receivers to take an event. */
const LAST_WORDS_MS = 1_000

/** How long the last charges may take to be counted and written. */
const SETTLE_MS = 10_000

/**
 * In this order: no new calls, those in flight to their end, everything written, exit 0. `patience`
 * resolves when they have had their time, or when a second signal says that it is enough.
 */
async function stop(listener: Listener, parts: Parts, patience: () => Promise<void>) {
  const { inFlight } = parts
  logInfo('stopping: no new calls are taken, those in flight may finish', { calls: inFlight.count })
  try {
    const closed = listener.close().then(() => 'closed' as const)
    if ((await Promise.race([closed, patience()])) !== 'closed') {
      logWarning('the shutdown time is over: calls in flight are cut off', {
        calls: inFlight.count,
      })
      inFlight.cutOff()
      await Promise.race([closed, pause(LAST_WORDS_MS)])
      listener.cut()
    }
    // A client that hung up has no connection any more, and still has something to pay.
    await Promise.race([inFlight.none(), pause(SETTLE_MS)])
    await Promise.race([parts.outbox.stop(), pause(LAST_WORDS_MS)])
    const complete = parts.store.close()
    exit(complete ? 0 : 1)
  } catch (error) {
    logError('the server did not stop in good order', error)
    exit(1)
  }
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

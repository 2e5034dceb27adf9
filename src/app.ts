import { monotonicFactory, ulid } from 'ulid'
import type { Config } from './config/config.ts'
import { served, unpriced } from './config/served.ts'
import { spendTracked } from './events/events.ts'
import { Outbox } from './events/outbox.ts'
import { Accounts } from './gateway/accounts.ts'
import { type Gateway, handleCall } from './gateway/call.ts'
import { type Deployment, Deployments } from './gateway/deployments.ts'
import { tokenizerFor } from './gateway/tokenizer.ts'
import { digestOf, requireMasterKey } from './http/auth.ts'
import { callRoutes } from './http/calls.ts'
import { server } from './http/server.ts'
import type { Budget } from './ledger/budget.ts'
import { type Period, periodAt, WHOLE_LIFE } from './ledger/period.ts'
import type { Settlement } from './ledger/settlement.ts'
import { logError, logInfo, logWarning, print } from './log.ts'
import { builtInPrice } from './metering/prices.ts'
import {
  exit,
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
  const listener = await listen(parts.app, config)
  parts.outbox?.wake()
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  print(`Tollgate ${VERSION} is listening on http://${host}:${listener.port}`)
  onStopSignal(() => void stop(listener, parts, config.shutdownTimeoutMs))
}

/** What `check` prints: the deployments of a config, with their prices. */
export function whatItServes(config: Config): string {
  const { all } = new Deployments(config.deployments, builtInPrice)
  const prices = new Map(all.map(({ id, price }) => [id, price]))
  return served(config, ({ id }) => prices.get(id) ?? null)
}

type Parts = Awaited<ReturnType<typeof joinParts>>

async function joinParts(config: Config, masterKey: string) {
  const now = Date.now
  const makeId = monotonicFactory()
  const newId = () => makeId(now())
  const periodOf = (budget: Budget | null, at: number): Period =>
    budget === null
      ? WHOLE_LIFE
      : periodAt({ ...budget, timezone: config.timezone, weekStart: 1, dayOfMonth: 1 }, at)

  const store = await openStore(config, {
    periodOf,
    now,
    newId,
    changed: (what) => accounts.changed(what, now()),
  })
  const accounts = new Accounts({ store, periodOf })
  const deployments = new Deployments(config.deployments, builtInPrice)
  const snapshots = new Set(deployments.all.map(({ priceSnapshot }) => priceSnapshot))
  for (const snapshot of snapshots) if (snapshot !== null) await store.addPrice(snapshot)
  const { webhookUrl } = config
  const outbox = webhookUrl === null ? null : new Outbox({ store, url: webhookUrl, now })

  const commit = async (settlement: Settlement, budget: Budget | null) => {
    const event = outbox === null ? null : spendTracked(settlement, { id: newId(), budget })
    await store.commit(settlement, event === null ? [] : [event])
    if (event !== null) outbox?.wake()
  }
  const gateway: Gateway = {
    identifyRules: { headers: headersThatName(config) },
    deployments,
    accounts,
    isHealthy: () => store.isHealthy(),
    budgetExceededStatus: config.budgetExceededStatus,
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
    budgets: store,
    held: (id) => accounts.held(id),
    resetsAt: (budget) => periodOf(budget, now()).end,
    isReady: () => store.isHealthy(),
  })
  return { app, store, outbox, deployments }
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

/** In this order: no new calls, those in flight to their end, everything written, exit 0. */
async function stop(listener: { close(): Promise<void> }, parts: Parts, timeoutMs: number) {
  logInfo('stopping: no new calls are taken, those in flight may finish')
  const timeout = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), timeoutMs))
  try {
    const ended = await Promise.race([listener.close(), timeout])
    if (ended === 'late') logWarning('calls were still in flight at the end of the shutdown time')
    parts.outbox?.stop()
    const complete = parts.store.close()
    exit(complete ? 0 : 1)
  } catch (error) {
    logError('the server did not stop in good order', error)
    exit(1)
  }
}

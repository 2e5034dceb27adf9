import { type AnyElysia, Elysia } from 'elysia'
import * as Type from 'typebox'
import type { PassThrough } from '../config/config.ts'
import type { VirtualKey } from '../ledger/key.ts'
import { requireAccess, requireCalls } from './access.ts'
import { type ActivityParts, activityRoutes } from './activity.ts'
import { pathOf } from './address.ts'
import type { Authenticate } from './auth.ts'
import { BudgetSchema } from './budget-json.ts'
import { budgetResetRoutes } from './budget-reset.ts'
import { type BudgetParts, budgetRoutes } from './budgets.ts'
import type { Straight } from './calls.ts'
import { consoleRoutes, isConsolePath } from './console.ts'
import { type CreditParts, creditRoutes } from './credit.ts'
import { type CreditHistoryParts, creditHistoryRoutes } from './credit-history.ts'
import { CustomerSchema } from './customer-json.ts'
import { type CustomerParts, customerRoutes } from './customers.ts'
import { DOCS_PATHS, docs } from './docs.ts'
import { type ExportParts, exportRoutes } from './exports.ts'
import { type DiskRefusal, failureResponse, NOT_SNIFFED } from './failures.ts'
import { type GlobalSpendParts, globalSpendRoutes } from './global-spend.ts'
import { HEALTH_PATHS, type HealthParts, healthRoutes } from './health.ts'
import { KeySchema } from './key-json.ts'
import { type KeyParts, keyRoutes } from './keys.ts'
import { marginRoutes } from './margin.ts'
import { type MetricParts, metricRoutes } from './metrics.ts'
import { type ModelParts, modelRoutes } from './models.ts'
import { type NearLimitParts, nearLimitRoutes, previewRoutes } from './near-limit.ts'
import { type NowParts, nowRoutes } from './now.ts'
import type { Page } from './page.ts'
import { isOwnRoute, isPassedThrough, requireApart } from './pass-through.ts'
import { type PeriodParts, periodRoutes } from './periods.ts'
import { isPortalPath, type PortalParts, portalRoutes } from './portal.ts'
import { type PortalLinkParts, portalLinkRoutes } from './portal-link.ts'
import { type RateCardParts, rateCardRoutes } from './rate-cards.ts'
import { RecordSchema } from './record-json.ts'
import { type RecordParts, recordRoutes } from './records.ts'
import { type SeriesParts, seriesRoutes } from './series.ts'
import { type SessionParts, SessionSchema, sessionRoutes } from './session.ts'
import { type StatementParts, statementRoutes } from './statement.ts'
import { type StoredResponseParts, storedResponseRoutes } from './stored-responses.ts'
import { type WebhookParts, webhookRoutes } from './webhooks.ts'

export type ServerParts = Omit<CustomerParts, 'models'> &
  Omit<BudgetParts, 'models'> &
  Omit<KeyParts, 'models'> &
  CreditParts &
  CreditHistoryParts &
  PeriodParts &
  Omit<RecordParts, 'providerOf'> &
  Omit<ActivityParts, 'providerOf'> &
  GlobalSpendParts &
  SeriesParts &
  NearLimitParts &
  NowParts &
  MetricParts &
  Omit<ModelParts, 'listedFor'> &
  WebhookParts &
  ExportParts &
  RateCardParts &
  StatementParts &
  StoredResponseParts &
  SessionParts &
  PortalParts &
  PortalLinkParts &
  HealthParts & {
    /** The pages of the console. */
    consolePage(): Promise<Page>
    readonly authenticate: Authenticate
    /** Whether a key may call a model. */
    mayCall(key: VirtualKey, model: string): boolean
    readonly version: string
    readonly diskRefusal: DiskRefusal
    /** The metered paths. They check the key themselves: theirs need not be the master key. */
    readonly calls: AnyElysia
    /** The same by path, for Bun to send calls to past Elysia. */
    readonly straight?: ReadonlyMap<string, Straight>
    /** What the config forwards unmetered, and the routes that do. */
    readonly passThroughs: readonly PassThrough[]
    readonly passThroughRoutes: AnyElysia
  }

/**
 * All routes as one app. A request without a key that opens the route is told so and nothing else,
 * whether its path exists or not; the health paths, the docs and the pages are open, and what a
 * customer's page asks takes the token of its link. Throws when the config would forward what
 * Tollgate serves itself.
 */
export function server(parts: ServerParts): AnyElysia {
  const callPaths = parts.calls.routes.map((route) => route.path)
  const unguarded = new Set([...HEALTH_PATHS, ...DOCS_PATHS, ...callPaths])
  const served = [...new Set(parts.deployments.map((deployment) => deployment.modelName))]
  const listedFor = (request: Request) => {
    const caller = parts.authenticate(request)
    if (caller === 'master' || caller.role !== 'calls') return () => true
    return (model: string) => parts.mayCall(caller, model)
  }
  const failed = (error: unknown, code: string | number, { method, url }: Request): Response =>
    failureResponse(error, code, {
      method,
      path: pathOf(url),
      routes: app.routes,
      diskRefusal: parts.diskRefusal,
    })
  const withModels = { ...parts, models: () => served }
  const providers = new Map(parts.deployments.map(({ id, provider }) => [id, provider as string]))
  const withProviders = { ...parts, providerOf: (id: string) => providers.get(id) ?? '' }

  // `standardHostname: false`: else Elysia looks for the path from the 11th character on, and with
  // a `Host` of three letters finds another one than the route's; the guard must not be misled.
  const calls = new Elysia({
    normalize: false,
    handler: { standardHostname: false },
    serve: {
      routes: straightRoutes(parts.straight ?? new Map(), (error, request) =>
        failed(error, '', request),
      ),
    },
  })
    .onError({ as: 'global' }, ({ error, code, request }) => failed(error, code, request))
    .onRequest(({ request }) => {
      const path = pathOf(request.url)
      if (unguarded.has(path) || isConsolePath(path) || isPortalPath(path)) return
      const caller = parts.authenticate(request)
      // Further than that they look after their keys themselves.
      if (isPassedThrough(path, parts.passThroughs)) requireCalls(caller, request)
      else requireAccess(caller, { method: request.method, path })
    })
    .use(parts.calls)
    .use(storedResponseRoutes(parts))
  const ours = [...calls.routes]
  const app = calls
    .use(parts.passThroughRoutes)
    // Not for the routes above: Elysia would take their answers apart to add it.
    .onBeforeHandle(({ set }) => void Object.assign(set.headers, NOT_SNIFFED))
    .use(customerRoutes(withModels, '/customer'))
    .use(customerRoutes(withModels, '/end_user'))
    .use(creditRoutes(parts, '/customer'))
    .use(creditRoutes(parts, '/end_user'))
    .use(creditHistoryRoutes(parts, '/customer'))
    .use(creditHistoryRoutes(parts, '/end_user'))
    .use(statementRoutes(parts, '/customer'))
    .use(statementRoutes(parts, '/end_user'))
    .use(nearLimitRoutes(parts, '/customer'))
    .use(nearLimitRoutes(parts, '/end_user'))
    .use(periodRoutes(parts, '/customer'))
    .use(periodRoutes(parts, '/end_user'))
    .use(portalLinkRoutes(parts, '/customer'))
    .use(portalLinkRoutes(parts, '/end_user'))
    .use(activityRoutes(withProviders, '/customer'))
    .use(activityRoutes(withProviders, '/end_user'))
    .use(recordRoutes(withProviders))
    .use(globalSpendRoutes(parts))
    .use(seriesRoutes(parts))
    .use(marginRoutes(parts))
    .use(nowRoutes(parts))
    .use(budgetRoutes(withModels))
    .use(budgetResetRoutes(parts))
    .use(previewRoutes(parts))
    .use(keyRoutes(withModels))
    .use(rateCardRoutes(parts))
    .use(modelRoutes({ ...parts, listedFor }))
    .use(webhookRoutes(parts))
    .use(exportRoutes(parts))
    .use(healthRoutes(parts))
    .use(metricRoutes(parts))
    .use(sessionRoutes(parts))
    .use(consoleRoutes(parts.consolePage))
    .use(portalRoutes(parts))
    .use(docs({ version: parts.version, schemas: SCHEMAS })) as AnyElysia
  // A route that is made again replaces the first, so those that came before are looked at too.
  requireApart(parts.passThroughs, [...ours, ...app.routes.filter(isOwnRoute)])
  return app
}

/**
 * What Bun itself sends to the metered paths: Elysia's way there, with a context for each request,
 * costs a call of JSON a tenth of its CPU time. Other methods go Elysia's way.
 */
function straightRoutes(
  straight: ReadonlyMap<string, Straight>,
  failed: (error: unknown, request: Request) => Response,
) {
  const routes: Record<string, { POST: Straight }> = {}
  for (const [path, answer] of straight) {
    routes[path] = {
      POST: (request) => answer(request).catch((error: unknown) => failed(error, request)),
    }
  }
  return routes
}

const ErrorSchema = Type.Object(
  {
    error: Type.Object({
      message: Type.String({
        description: 'What is wrong, with the value, and what would be right.',
        examples: ['max_budget must be a non-negative finite number. Received: -1'],
      }),
      type: Type.String({ description: 'The kind of error.', examples: ['invalid_request_error'] }),
      param: Type.Unsafe<string | null>({
        type: ['string', 'null'],
        description: 'The field at fault, if there is one.',
        examples: ['max_budget'],
      }),
      code: Type.String({ description: 'The HTTP status, as text.', examples: ['400'] }),
    }),
  },
  { description: 'Every failure, from any route.' },
)

const SCHEMAS = {
  Customer: CustomerSchema,
  Budget: BudgetSchema,
  Key: KeySchema,
  Record: RecordSchema,
  Session: SessionSchema,
  Error: ErrorSchema,
}

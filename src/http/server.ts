import { type AnyElysia, Elysia } from 'elysia'
import * as Type from 'typebox'
import { digestOf, requireMasterKey } from './auth.ts'
import { BudgetSchema } from './budget-json.ts'
import { type BudgetParts, budgetRoutes } from './budgets.ts'
import { CustomerSchema } from './customer-json.ts'
import { type CustomerParts, customerRoutes } from './customers.ts'
import { DOCS_PATHS, docs } from './docs.ts'
import { failureResponse } from './failures.ts'
import { HEALTH_PATHS, type HealthParts, healthRoutes } from './health.ts'
import { type MetricParts, metricRoutes } from './metrics.ts'
import { type ModelParts, modelRoutes } from './models.ts'
import { type PeriodParts, periodRoutes } from './periods.ts'
import { type WebhookParts, webhookRoutes } from './webhooks.ts'

export type ServerParts = Omit<CustomerParts, 'models'> &
  Omit<BudgetParts, 'models'> &
  PeriodParts &
  MetricParts &
  ModelParts &
  WebhookParts &
  HealthParts & {
    readonly masterKey: string
    readonly version: string
    /** The metered paths. They check the key themselves: theirs need not be the master key. */
    readonly calls: AnyElysia
  }

/**
 * All routes as one app. A request without the master key is told so and nothing else, whether its
 * path exists or not; the health paths and the docs are open.
 */
export function server(parts: ServerParts): AnyElysia {
  const keyDigest = digestOf(parts.masterKey)
  const callPaths = parts.calls.routes.map((route) => route.path)
  const unguarded = new Set([...HEALTH_PATHS, ...DOCS_PATHS, ...callPaths])
  const served = [...new Set(parts.deployments.map((deployment) => deployment.modelName))]
  const withModels = { ...parts, models: () => served }

  // `standardHostname: false`: else Elysia looks for the path from the 11th character on, and with
  // a `Host` of three letters finds another one than the route's; the guard must not be misled.
  const app = new Elysia({ normalize: false, handler: { standardHostname: false } })
    .onError({ as: 'global' }, ({ error, code, path, request }) =>
      failureResponse(error, code, { path, method: request.method, routes: app.routes }),
    )
    .onRequest(({ request }) => {
      if (!unguarded.has(pathOf(request.url))) requireMasterKey(request.headers, keyDigest)
    })
    .use(parts.calls)
    .use(customerRoutes(withModels, '/customer'))
    .use(customerRoutes(withModels, '/end_user'))
    .use(periodRoutes(parts, '/customer'))
    .use(periodRoutes(parts, '/end_user'))
    .use(budgetRoutes(withModels))
    .use(modelRoutes(parts))
    .use(webhookRoutes(parts))
    .use(healthRoutes(parts))
    .use(metricRoutes(parts))
    .use(docs({ version: parts.version, schemas: SCHEMAS })) as AnyElysia
  return app
}

/** Without `new URL`: this runs for each call. */
function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('//') + 2)
  const end = url.indexOf('?', start)
  return end === -1 ? url.slice(start) : url.slice(start, end)
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

const SCHEMAS = { Customer: CustomerSchema, Budget: BudgetSchema, Error: ErrorSchema }

import { Buffer } from 'node:buffer'
import type { DeploymentConfig } from '../config/config.ts'
import type { Price, Service } from '../metering/price.ts'

/** An upstream endpoint for a model name, with what its tokens cost; null: nobody knows. */
export type Deployment = DeploymentConfig & {
  readonly price: Price | null
  /** The price as the ledger keeps it. */
  readonly priceSnapshot: string | null
  /** The same of the service tiers that have a price of their own. */
  readonly serviceSnapshots: Readonly<Partial<Record<Service, string>>>
}

/** What applies to an answer that was made in a service tier; null: nobody knows. */
export function pricedIn(
  deployment: Deployment,
  service: string | null,
): { readonly price: Price; readonly snapshot: string } | null {
  const { price, priceSnapshot, services, serviceSnapshots } = deployment
  const own = services[service as Service]
  const snapshot = serviceSnapshots[service as Service]
  if (own !== undefined && snapshot !== undefined) return { price: own, snapshot }
  return price === null ? null : { price, snapshot: priceSnapshot! }
}

/** Every price that a row of the deployment may have. */
export const snapshotsOf = ({ priceSnapshot, serviceSnapshots }: Deployment): string[] =>
  [priceSnapshot, ...Object.values(serviceSnapshots)].filter((snapshot) => snapshot !== null)

/** The longest answer that the config says or shows: a mock has no more tokens than bytes. */
const longestAnswer = ({ mockResponse, outputTokensMax }: DeploymentConfig): number | null =>
  mockResponse === null ? outputTokensMax : Math.max(1, Buffer.byteLength(mockResponse))

/** Which upstreams there are. */
export class Deployments {
  readonly all: readonly Deployment[]
  readonly #byModel: ReadonlyMap<string, readonly Deployment[]>

  /** `known` is asked for what the config does not say of a model. */
  constructor(
    configs: readonly DeploymentConfig[],
    known: {
      readonly builtInPrice: (provider: string, model: string) => Price | null
      readonly outputTokensMax: (provider: string, model: string) => number | null
    },
  ) {
    this.all = configs.map((config) => {
      const { provider, model } = config.pricedAs
      const price = config.price ?? known.builtInPrice(provider, model)
      return {
        ...config,
        price,
        priceSnapshot: price === null ? null : JSON.stringify(price),
        serviceSnapshots: Object.fromEntries(
          Object.entries(config.services).map(([service, own]) => [service, JSON.stringify(own)]),
        ),
        outputTokensMax: longestAnswer(config) ?? known.outputTokensMax(provider, model),
      }
    })
    this.#byModel = Map.groupBy(this.all, ({ modelName }) => modelName)
  }

  /** The names that clients may ask for, in the config's order. */
  models(): string[] {
    return [...this.#byModel.keys()]
  }

  /** Those of a model, in the config's order; none: it is not served. */
  of(model: string): readonly Deployment[] {
    return this.#byModel.get(model) ?? []
  }

  /** Null: the config no longer has it. */
  byId(id: string): Deployment | null {
    return this.all.find((deployment) => deployment.id === id) ?? null
  }
}

import { Buffer } from 'node:buffer'
import type { DeploymentConfig } from '../config/config.ts'
import { nearest, Refusal } from '../errors.ts'
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

/** Which upstreams there are, and whose turn it is. */
export class Deployments {
  readonly all: readonly Deployment[]
  readonly #byModel = new Map<string, { readonly choices: Deployment[]; next: number }>()

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
    for (const deployment of this.all) {
      const turn = this.#byModel.get(deployment.modelName) ?? { choices: [], next: 0 }
      turn.choices.push(deployment)
      this.#byModel.set(deployment.modelName, turn)
    }
  }

  /** The names that clients may ask for, in the config's order. */
  models(): string[] {
    return [...this.#byModel.keys()]
  }

  /** Null: the config no longer has it. */
  byId(id: string): Deployment | null {
    return this.all.find((deployment) => deployment.id === id) ?? null
  }

  /**
   * The deployment whose turn it is, of those in the region if one is asked for. Throws
   * `model_not_found`, naming the nearest of the served models that the caller may see, and
   * `model_not_allowed` when none is there.
   */
  choose(
    model: string,
    region: string | null,
    isListed: (model: string) => boolean = () => true,
  ): Deployment {
    const turn = this.#byModel.get(model)
    if (turn === undefined) {
      const listed = this.models().filter(isListed)
      const near = nearest(model, listed)
      const hint = near === null ? served(listed) : `Did you mean \`${near}\`?`
      throw new Refusal('model_not_found', `The model \`${model}\` is not served here. ${hint}`, {
        param: 'model',
      })
    }
    for (let tried = 0; tried < turn.choices.length; tried++) {
      const deployment = turn.choices[turn.next]!
      turn.next = (turn.next + 1) % turn.choices.length
      if (region === null || deployment.region === region.toLowerCase()) return deployment
    }
    throw new Refusal(
      'model_not_allowed',
      `The customer's calls must stay in the region \`${region}\`, and no deployment of ` +
        `\`${model}\` states it (\`model_info.region\` in the config).`,
      { param: 'model' },
    )
  }
}

function served(names: readonly string[]): string {
  const shown = names.slice(0, 10).map((name) => `\`${name}\``)
  return `Served: ${shown.join(', ')}${names.length > shown.length ? ', …' : ''}.`
}

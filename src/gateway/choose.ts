import type { Refusal } from '../errors.ts'
import type { Call, Gateway } from './call.ts'
import type { Asked } from './read-call.ts'
import type { Turn } from './router.ts'
import { canGoOnFrom, keptElsewhere } from './stored.ts'
import { misfitOf } from './translate.ts'

/**
 * The deployment of a model that a call is sent to. Throws why none of them can be asked the call,
 * and what the router throws.
 */
export function turnFor(
  { endpoint }: Pick<Call, 'endpoint'>,
  { region, isListed, previous, json }: Asked,
  about: {
    readonly gateway: Gateway
    readonly model: string
    readonly tried: ReadonlySet<string>
    readonly tokens: number
  },
): Turn {
  const { gateway, model, tried, tokens } = about
  const isKeptAt = canGoOnFrom(previous, gateway.deployments)
  let misfit: Refusal | null = null
  return gateway.router.take({
    model,
    tried,
    tokens,
    region,
    isListed,
    isFit(deployment) {
      if (!isKeptAt(deployment)) return false
      const refusal = misfitOf({ endpoint, deployment, json })
      misfit ??= refusal
      return refusal === null
    },
    misfit: () => misfit ?? keptElsewhere(model),
    now: gateway.now(),
  })
}

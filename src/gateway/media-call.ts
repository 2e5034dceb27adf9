import type { Media, MediaCall } from '../metering/media.ts'
import type { Price } from '../metering/price.ts'
import type { Json } from '../metering/wire.ts'
import type { Deployment } from './deployments.ts'
import type { Endpoint } from './endpoint.ts'

/** What came with a call besides the fields of its form. */
export type Upload = {
  readonly files: number
  /** How long the sound in it is, milliseconds; at most, if it cannot be read. */
  readonly soundMs: number
}

export const mediaCallOf = (
  { json, upload }: { readonly json: Json; readonly upload?: Upload | null | undefined },
  { pricedAs }: Deployment,
): MediaCall => ({
  json,
  ...pricedAs,
  soundMs: upload?.soundMs ?? 0,
  files: upload?.files ?? 0,
})

/** A deployment as a call sees it: with the price of just this call, or none if it has none. */
export function pricedFor(
  call: { readonly endpoint: Endpoint; readonly json: Json; readonly upload: Upload | null },
  deployment: Deployment,
): Deployment {
  const { price } = deployment
  if (price === null) return deployment
  const { media } = call.endpoint
  const own = media === undefined ? tokensOnly(price) : priceOf(media, price)
  if (own === price) return deployment
  const priceSnapshot = own === null ? null : JSON.stringify(own)
  return { ...deployment, price: own, priceSnapshot, services: {}, serviceSnapshots: {} }

  function priceOf(by: Media, price: Price): Price | null {
    return by.priceOf(price, mediaCallOf(call, deployment))
  }
}

const tokensOnly = (price: Price): Price | null => (price.hasTokens === false ? null : price)

import type { Config } from './config.ts'

/** What is shorter guards nothing, and would be found in words. */
const LENGTH_MIN = 7

/** Shorter segments of a path are words, such as `webhooks`. */
const TOKEN_LENGTH_MIN = 16

/** What of a config must be neither logged nor shown: each key, and addresses that have one. */
export function secretsOf({ masterKey, webhooks, deployments, passThroughs }: Config): string[] {
  const ofDeployments = deployments.flatMap(({ apiKey, extraHeaders }) => [
    apiKey,
    ...Object.values(extraHeaders),
  ])
  const ofReceivers = webhooks.flatMap(({ url, secrets }) => [...partsOf(url), ...secrets])
  const ofTargets = passThroughs.flatMap(({ headers }) => Object.values(headers).flatMap(wordsOf))
  return [masterKey, ...ofReceivers, ...ofDeployments, ...ofTargets].filter(
    (value) => value !== null && value.length >= LENGTH_MIN,
  ) as string[]
}

/** An address as a whole, and what of it may be a token: Slack's and Discord's are in the path. */
function partsOf(address: string): string[] {
  const { href, pathname, search, searchParams } = new URL(address)
  const tokens = pathname.split('/').filter((segment) => segment.length >= TOKEN_LENGTH_MIN)
  return [address, href, search, ...searchParams.values(), ...tokens]
}

/** A header's value, and what of it follows its scheme: `Bearer KEY`. */
const wordsOf = (value: string): string[] => [value, ...value.split(' ').slice(1)]

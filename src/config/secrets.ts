import type { Config } from './config.ts'

/** What is shorter guards nothing, and would be found in words. */
const LENGTH_MIN = 7

/** Shorter segments of a path are words, such as `webhooks`. */
const TOKEN_LENGTH_MIN = 16

/** What of a config must be neither logged nor shown: each key, and addresses that have one. */
export function secretsOf(config: Config): string[] {
  const { masterKey, webhooks, deployments, passThroughs, observing, exports } = config
  const ofDeployments = deployments.flatMap(({ apiKey, extraHeaders }) => [
    apiKey,
    ...Object.values(extraHeaders),
  ])
  const ofReceivers = webhooks.flatMap(({ url, secrets }) => [...partsOf(url), ...secrets])
  const ofTargets = passThroughs.flatMap(({ headers }) => Object.values(headers).flatMap(wordsOf))
  const { tracing } = observing
  const ofCollector =
    tracing === null ? [] : [...partsOf(tracing.url), ...tokensIn(tracing.headers)]
  const ofExports = exports.flatMap((exporter) =>
    exporter.type === 'csv' || exporter.apiKey === null ? [] : [exporter.apiKey],
  )
  const ofOthers = [...ofTargets, ...ofCollector, ...ofExports]
  return [masterKey, ...ofReceivers, ...ofDeployments, ...ofOthers].filter(
    (value) => value !== null && value.length >= LENGTH_MIN,
  ) as string[]
}

/** The values of headers, and of `Bearer TOKEN` also the token by itself. */
const tokensIn = (headers: Readonly<Record<string, string>>): string[] =>
  Object.values(headers).flatMap((value) => [value, value.slice(value.indexOf(' ') + 1)])

/** An address as a whole, and what of it may be a token: Slack's and Discord's are in the path. */
function partsOf(address: string): string[] {
  const { href, pathname, search, searchParams } = new URL(address)
  const tokens = pathname.split('/').filter((segment) => segment.length >= TOKEN_LENGTH_MIN)
  return [address, href, search, ...searchParams.values(), ...tokens]
}

/** A header's value, and what of it follows its scheme: `Bearer KEY`. */
const wordsOf = (value: string): string[] => [value, ...value.split(' ').slice(1)]

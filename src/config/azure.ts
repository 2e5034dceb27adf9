import type { DeploymentConfig, Dialect } from './config.ts'
import { COMPATIBLE } from './providers.ts'

/** Where and how a deployment of Azure's is asked. */
export type AzureAddress = Pick<DeploymentConfig, 'dialect'> & { readonly apiBase: string }

/**
 * What is asked for where nothing else is said: the latest version that Microsoft calls generally
 * available (https://learn.microsoft.com/azure/ai-services/openai/reference), and that of Foundry's
 * own inference (https://learn.microsoft.com/rest/api/aifoundry/modelinference).
 */
const OPENAI_VERSION = '2024-10-21'
const FOUNDRY_VERSION = '2024-05-01-preview'

/** From here on Azure knows `stream_options` and `max_completion_tokens`. */
const CAPS_SINCE = '2024-09-01'

/** The versions that are no dates are of the newer API, which has none in its addresses. */
const V1_VERSIONS = new Set(['v1', 'latest', 'preview'])

const HAS_V1 = /\/openai\/v1(\/|$)/
const IN_DEPLOYMENT = /\/openai\/deployments\/([^/]+)/
const IS_FOUNDRY = /\.services\.ai\.azure\.com$/

/**
 * Azure OpenAI: `{resource}/openai/deployments/{deployment}{path}?api-version={date}`, or its v1
 * form, `{resource}/openai/v1{path}` with the deployment in the body
 * (https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle). The address may be
 * the resource alone, that of the v1 API, or the whole one that Azure's portal shows.
 */
export function azureAddress(
  address: string,
  {
    deployment,
    version,
    dialect,
  }: { deployment: string; version: string | null; dialect: Dialect },
): AzureAddress {
  const { origin, pathname, searchParams } = new URL(address)
  const apiVersion = version ?? searchParams.get('api-version')
  const hasV1 = HAS_V1.test(pathname)
  if (hasV1 || V1_VERSIONS.has(apiVersion ?? '')) {
    const before = hasV1 ? pathname.slice(0, pathname.search(HAS_V1)) : withoutOpenAI(pathname)
    const ofV1 = apiVersion === 'preview' ? apiVersion : null
    return {
      apiBase: `${origin}${before}/openai/v1`,
      dialect: { ...dialect, keyHeader: 'api-key', apiVersion: ofV1 },
    }
  }
  const named = IN_DEPLOYMENT.exec(pathname)?.[1]
  const dated = apiVersion ?? OPENAI_VERSION
  return {
    apiBase: `${origin}${withoutOpenAI(pathname)}/openai`,
    dialect: {
      ...dialect,
      ...(dated.slice(0, CAPS_SINCE.length) < CAPS_SINCE ? OLDER : {}),
      keyHeader: 'api-key',
      apiVersion: dated,
      pathDeployment: named === undefined ? deployment : decodeURIComponent(named),
    },
  }
}

/**
 * Azure's Foundry: the v1 form as above, `{resource}/models{path}?api-version={date}`, or for a
 * model that is served alone the address as it is, with the key as a bearer.
 */
export function foundryAddress(
  address: string,
  about: { deployment: string; version: string | null; dialect: Dialect },
): AzureAddress {
  const { origin, hostname, pathname, searchParams } = new URL(address)
  if (HAS_V1.test(pathname)) return azureAddress(address, about)
  const version = about.version ?? searchParams.get('api-version')
  const { dialect } = about
  if (!IS_FOUNDRY.test(hostname)) {
    const apiBase = `${origin}${pathname}`.replace(/(\/chat\/completions)?\/*$/, '')
    return { apiBase, dialect: { ...dialect, apiVersion: version } }
  }
  const apiVersion = version ?? FOUNDRY_VERSION
  return {
    apiBase: `${origin}/models`,
    dialect: { ...dialect, keyHeader: 'api-key', apiVersion },
  }
}

const { chatCap, takesCompletionCap } = COMPATIBLE
const OLDER: Partial<Dialect> = { chatCap, takesCompletionCap, takesStreamOptions: false }

/** What stands before `/openai` in the path of a resource; mostly nothing. */
const withoutOpenAI = (pathname: string): string =>
  pathname.replace(/\/openai(\/.*)?$/, '').replace(/\/+$/, '')

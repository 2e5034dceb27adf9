import { nearest } from '../errors.ts'
import { azureAddress, foundryAddress } from './azure.ts'
import type { DeploymentConfig, Dialect } from './config.ts'
import { baseOf, isOfOpenAI, type ModelAddress, parseModel } from './model-address.ts'
import { AS_OPENAI, COMPATIBLE, type KnownProvider, PLACE_KEYS, PROVIDERS } from './providers.ts'
import { AN_ADDRESS, type Field, isAddress, type MapField, type Reader, shown } from './reader.ts'
import { shownKey } from './yaml.ts'

/** Whom to ask, where, and with which key. */
type Upstream = ModelAddress & Pick<DeploymentConfig, 'apiBase' | 'apiKey' | 'dialect'>

/** Null when something is wrong, which the report then has. A mock and the demo ask nobody. */
export function readUpstream(reader: Reader, params: MapField, isMock: boolean): Upstream | null {
  const base = baseField(reader, params)
  const ownKey = reader.key(reader.field(params, 'api_key'))
  const modelField = reader.field(params, 'model')
  const model = readModel(reader, params, base !== null)
  const isAzure = model?.provider.startsWith('azure') === true
  const address = readAddress(reader, base, isAzure)
  const token = reader.key(reader.field(params, 'azure_ad_token'))
  const version = reader.text(reader.field(params, 'api_version'))
  if (modelField === null || model === null || (base !== null && address === null)) return null
  const { provider } = model
  if (isMock || provider === 'demo') {
    return { ...model, apiBase: null, apiKey: null, dialect: COMPATIBLE }
  }

  const known = PROVIDERS.get(provider)
  warnOfOthers(reader, params, { provider, known })
  if (base === null && known?.elsewhere?.test(model.upstreamModel) === true) {
    const what = `${provider} does not serve this model in OpenAI's wire format`
    reader.report.warning(
      modelField.setting.line,
      `${modelField.name}: ${what}, the one spoken here`,
    )
  }
  const apiBase = address ?? knownBase(reader, params, modelField, { provider, known })
  if (apiBase === null) return null
  const bearer = isAzure && ownKey === null ? token : null
  const apiKey = ownKey ?? bearer ?? keyFromEnvironment(reader, known)
  if (base !== null && known === undefined) {
    const what = `is asked in OpenAI's wire format; ${provider}'s own is not supported yet`
    reader.report.warning(base.setting.line, `${base.name} ${what}`)
  }
  if ((base === null || isAzure) && apiKey === null && known?.needsKey === true) {
    const variable = known.keyVariables[0]
    const elsewhere = variable === undefined ? '' : `, or ${variable} in the environment`
    reader.report.warning(
      modelField.setting.line,
      `${modelField.name}: ${provider} needs a key; set api_key beside it${elsewhere}`,
    )
  }
  const dialect = dialectOf(model, known, base !== null)
  if (!isAzure) return { ...model, apiBase: baseOf(apiBase, provider), apiKey, dialect }
  // Foundry's versions are not those of Azure OpenAI, which alone has a variable for its own.
  const isFoundry = provider === 'azure_ai'
  const usual = isFoundry ? null : (reader.environment('AZURE_API_VERSION')?.text ?? null)
  const asked = { deployment: model.upstreamModel, version: version ?? usual, dialect }
  const azure = isFoundry ? foundryAddress : azureAddress
  return withToken({ ...model, ...azure(apiBase, asked), apiKey }, bearer)
}

/** They pass a call on to Azure's models as it is; others put the cap under the right name. */
const MADE_BY_AZURE = new Set(['azure_ai', 'github'])

/** A model of OpenAI's own takes what OpenAI takes, whoever passes the call on to it. */
function dialectOf(
  { provider, upstreamModel }: ModelAddress,
  known: KnownProvider | undefined,
  isElsewhere: boolean,
): Dialect {
  const isOpenAI = isOfOpenAI(upstreamModel)
  const usual = known?.dialect ?? COMPATIBLE
  if (provider === 'openai') return isElsewhere && !isOpenAI ? COMPATIBLE : usual
  if (isOpenAI && MADE_BY_AZURE.has(provider)) return AS_OPENAI
  return isOpenAI ? { ...usual, takesCompletionCap: true } : usual
}

const AZURE_KEYS = ['api_version', 'azure_ad_token']

/** What says where and how another provider is asked says nothing of this one. */
function warnOfOthers(
  reader: Reader,
  params: MapField,
  { provider, known }: { provider: string; known: KnownProvider | undefined },
) {
  const ofAzure = provider.startsWith('azure') ? AZURE_KEYS : []
  const own = [...ofAzure, ...Object.values(known?.places ?? {}).flatMap((place) => place.params)]
  for (const key of [...AZURE_KEYS, ...PLACE_KEYS]) {
    const field = reader.field(params, key)
    if (field === null || own.includes(key)) continue
    reader.report.warning(field.setting.line, `${field.name} has no effect for ${provider}`)
  }
}

/** A token of Entra's is no key, and goes where a bearer goes. */
function withToken(upstream: Upstream, token: string | null): Upstream {
  if (token === null) return upstream
  const dialect: Dialect = { ...upstream.dialect, keyHeader: 'authorization' }
  return { ...upstream, dialect }
}

function readModel(reader: Reader, params: MapField, hasApiBase: boolean): ModelAddress | null {
  const field = reader.field(params, 'model')
  if (field === null) {
    return reader.missing(params, 'model', 'what the upstream is asked for, as in openai/gpt-4o')
  }
  const text = reader.text(field)
  if (text === null) return null
  if (text.includes('*')) {
    return reader.wrong(field, 'one model, as wildcards (*) are not supported yet')
  }
  const model = parseModel(text, hasApiBase)
  if (model !== null) return model
  const meant = nearest(text.slice(0, text.indexOf('/')), PROVIDERS.keys())
  const own = 'for a server of your own, set api_base'
  const right = meant === null ? own : `did you mean ${meant}/? Or, ${own}`
  const what = 'must begin with a known provider, as in openai/gpt-4o'
  const { line } = field.setting
  reader.report.problem(line, `${field.name} ${what}, got ${shown(field)}; ${right}`)
  return null
}

/** LiteLLM takes both names of it. */
function baseField(reader: Reader, params: MapField): Field | null {
  const apiBase = reader.field(params, 'api_base')
  const baseUrl = reader.field(params, 'base_url')
  if (apiBase !== null && baseUrl !== null) {
    const { line } = baseUrl.setting
    reader.report.problem(line, `${baseUrl.name} is another name of api_base; keep one of the two`)
  }
  return apiBase ?? baseUrl
}

/** Azure's portal shows addresses with their `?api-version`. */
function readAddress(reader: Reader, base: Field | null, mayHaveQuery: boolean): string | null {
  const address = reader.url(base)
  if (base === null || address === null) return null
  const isWrong = mayHaveQuery ? /#/.test(address) : /[?#]/.test(address)
  return isWrong ? reader.wrong(base, 'an address without ? and #') : address
}

/** Where a provider is whose config does not say it. */
function knownBase(
  reader: Reader,
  params: MapField,
  model: Field,
  { provider, known }: { provider: string; known: KnownProvider | undefined },
): string | null {
  const { name, setting } = model
  if (known === undefined) {
    const right = "this version speaks OpenAI's wire format, to an endpoint given in api_base"
    reader.report.problem(
      setting.line,
      `${name}: ${provider} is not supported on its own; ${right}`,
    )
    return null
  }
  for (const variable of known.baseVariables) {
    const address = reader.environment(variable)?.text
    if (address === undefined) continue
    return isAddress(address) ? address : reader.wrongVariable(variable, AN_ADDRESS)
  }
  if (known.apiBase !== null) return completed(reader, params, model, { provider, known })
  const example = EXAMPLES[provider] ?? 'http://localhost:8000/v1'
  const where = known.needsKey ? 'has an address of your own' : 'is where you run it'
  const right = `give its address in api_base, such as ${example}`
  reader.report.problem(setting.line, `${name}: ${provider} ${where}; ${right}`)
  return null
}

const EXAMPLES: Readonly<Record<string, string>> = {
  azure: 'https://my-resource.openai.azure.com',
  azure_ai: 'https://my-resource.services.ai.azure.com',
  azure_text: 'https://my-resource.openai.azure.com',
  databricks: 'https://my-workspace.cloud.databricks.com/serving-endpoints',
}

/** The known address with its places filled in. */
function completed(
  reader: Reader,
  params: MapField,
  model: Field,
  { provider, known }: { provider: string; known: KnownProvider },
): string | null {
  let address = known.apiBase ?? ''
  for (const [place, { params: keys, variables }] of Object.entries(known.places)) {
    const field = keys.map((key) => reader.field(params, key)).find((found) => found !== null)
    const variable = variables.find((name) => reader.environment(name) !== null)
    const value =
      reader.text(field ?? null) ??
      (variable === undefined ? null : (reader.environment(variable)?.text ?? null))
    if (value === null) {
      const right = [...keys.slice(0, 1).map((key) => `${shownKey(key)} beside it`)]
      const named = [...right, `${variables[0]} in the environment`].join(', or ')
      const what = `${model.name}: ${provider} needs its ${place}; set ${named}, or api_base`
      reader.report.problem(model.setting.line, what)
      return null
    }
    if (!/^[\w.-]+$/.test(value)) {
      const what = 'made of letters, digits, dots and dashes'
      if (field !== undefined) return reader.wrong(field!, what)
      return reader.wrongVariable(variable!, what)
    }
    address = address.replaceAll(`{${place}}`, value)
  }
  // Google's address for no region in particular has none in its name.
  return address.replace('://global-', '://')
}

/** The first of the provider's variables that is set. */
function keyFromEnvironment(reader: Reader, known: KnownProvider | undefined): string | null {
  const variable = known?.keyVariables.find((name) => reader.environment(name) !== null)
  return variable === undefined ? null : reader.keyFromEnvironment(variable)
}

import { nearest } from '../errors.ts'
import type { DeploymentConfig } from './config.ts'
import {
  baseOf,
  type KnownProvider,
  type ModelAddress,
  PROVIDERS,
  parseModel,
} from './providers.ts'
import { AN_ADDRESS, type Field, isAddress, type MapField, type Reader, shown } from './reader.ts'

/** Whom to ask, where, and with which key. */
type Upstream = ModelAddress & Pick<DeploymentConfig, 'apiBase' | 'apiKey'>

/** Null when something is wrong, which the report then has. A mock and the demo ask nobody. */
export function readUpstream(reader: Reader, params: MapField, isMock: boolean): Upstream | null {
  const base = baseField(reader, params)
  const address = readAddress(reader, base)
  const ownKey = reader.key(reader.field(params, 'api_key'))
  const modelField = reader.field(params, 'model')
  const model = readModel(reader, params, base !== null)
  if (modelField === null || model === null || (base !== null && address === null)) return null
  const { provider } = model
  if (isMock || provider === 'demo') return { ...model, apiBase: null, apiKey: null }

  const known = PROVIDERS.get(provider)
  const apiBase = address ?? knownBase(reader, modelField, { provider, known })
  if (apiBase === null) return null
  const apiKey = ownKey ?? keyFromEnvironment(reader, known)
  if (base !== null && known === undefined) {
    const what = `is asked in OpenAI's wire format; ${provider}'s own is not supported yet`
    reader.report.warning(base.setting.line, `${base.name} ${what}`)
  }
  if (base === null && apiKey === null && known?.needsKey === true) {
    const right = `set api_key beside it, or ${known.keyVariables[0]} in the environment`
    reader.report.warning(
      modelField.setting.line,
      `${modelField.name}: ${provider} needs a key; ${right}`,
    )
  }
  return { ...model, apiBase: baseOf(apiBase, provider), apiKey }
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

function readAddress(reader: Reader, base: Field | null): string | null {
  const address = reader.url(base)
  if (base === null || address === null) return null
  return /[?#]/.test(address) ? reader.wrong(base, 'an address without ? and #') : address
}

/** Where a provider is whose config does not say it. */
function knownBase(
  reader: Reader,
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
  if (known.apiBase !== null) return known.apiBase
  const right = 'give its address in api_base, such as http://localhost:8000/v1'
  reader.report.problem(setting.line, `${name}: ${provider} is where you run it; ${right}`)
  return null
}

/** The first of the provider's variables that is set. */
function keyFromEnvironment(reader: Reader, known: KnownProvider | undefined): string | null {
  const variable = known?.keyVariables.find((name) => reader.environment(name) !== null)
  return variable === undefined ? null : reader.keyFromEnvironment(variable)
}

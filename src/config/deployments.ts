import { type ConfigPrices, PRICE_KEYS, pricesFromConfig } from '../metering/prices.ts'
import { unitOf } from '../metering/unit-prices.ts'
import type { DeploymentConfig, UpstreamRules } from './config.ts'
import { withDropped } from './dropped.ts'
import { readHeaders } from './headers.ts'
import { parseBaseModel } from './model-address.ts'
import { COMPATIBLE } from './providers.ts'
import type { Field, MapField, Reader } from './reader.ts'
import { checkKeys } from './sections.ts'
import { readUpstream } from './upstream.ts'
import { readRetries, readSeconds, readUpstreamRules } from './upstream-rules.ts'

/** What is served when there is no config: the built-in upstream, which needs no key. */
export const demoDeployment = ({ timeoutMs, rules }: Patience): DeploymentConfig => ({
  id: 'demo#1',
  modelName: 'demo',
  provider: 'demo',
  upstreamModel: 'demo',
  pricedAs: { provider: 'demo', model: 'demo' },
  dialect: COMPATIBLE,
  apiBase: null,
  apiKey: null,
  extraHeaders: {},
  mockResponse: null,
  price: null,
  services: {},
  timeoutMs,
  rules,
  region: null,
  outputTokensMax: null,
  inputTokensMax: null,
  weight: null,
  rpm: null,
  tpm: null,
  parallelMax: null,
  modelInfo: {},
  line: 0,
})

/** What holds for deployments that do not say it themselves. */
export type Patience = { readonly timeoutMs: number; readonly rules: UpstreamRules }

/** The entries of `model_list` that are right; the report has what is wrong with the others. */
export function readDeployments(
  reader: Reader,
  file: MapField,
  byDefault: Patience,
): DeploymentConfig[] {
  if (!file.setting.entries.has('model_list')) {
    reader.report.warning(1, 'there is no model_list, so the built-in demo model is served')
    return [demoDeployment(byDefault)]
  }
  const list = reader.field(file, 'model_list')
  const entries = reader.items(list, 'a list of models, each with model_name and litellm_params')
  if (list === null || (list.setting.kind === 'list' && entries.length === 0)) {
    const line = file.setting.entries.get('model_list')?.line ?? 1
    const example = '`- {model_name: demo, litellm_params: {model: demo/demo}}` is one'
    reader.report.problem(line, `model_list needs at least one model; ${example}`)
  }

  const deployments: DeploymentConfig[] = []
  const countByName = new Map<string, number>()
  for (const item of entries) {
    const entry = reader.map(item)
    if (entry === null) continue
    const modelName = readModelName(reader, entry)
    const count = (countByName.get(modelName ?? '') ?? 0) + 1
    countByName.set(modelName ?? '', count)
    const deployment = readDeployment(reader, entry, { modelName, count, byDefault })
    if (deployment !== null) deployments.push(deployment)
  }
  checkIds(reader, deployments)
  return deployments
}

function readModelName(reader: Reader, entry: MapField): string | null {
  const field = reader.field(entry, 'model_name')
  if (field === null) return reader.missing(entry, 'model_name', 'the name that clients ask for')
  const name = reader.text(field)
  if (name?.includes('*') !== true) return name
  return reader.wrong(field, 'a name without *, as wildcards are not supported yet')
}

type Circumstances = {
  /** Null: it is wrong, and so is the whole entry; the rest is read for its mistakes. */
  readonly modelName: string | null
  /** Which of the entries of that name it is, from 1. */
  readonly count: number
  readonly byDefault: Patience
}

/** Each mistake of an entry is told, so nothing returns before all of it has been read. */
function readDeployment(
  reader: Reader,
  entry: MapField,
  { modelName, count, byDefault }: Circumstances,
): DeploymentConfig | null {
  checkKeys(reader, entry, 'entry')
  const info = reader.map(reader.field(entry, 'model_info'))
  const modelInfo = info === null ? {} : (reader.json(info) as Record<string, unknown>)
  const id = readId(reader, info)
  const paramsField = reader.field(entry, 'litellm_params')
  if (paramsField === null) reader.missing(entry, 'litellm_params', 'a map with model in it')
  const params = reader.map(paramsField)
  if (params === null) return null

  checkKeys(reader, params, 'litellm_params')
  const mockResponse = reader.text(reader.field(params, 'mock_response'))
  const upstream = readUpstream(reader, params, mockResponse !== null)
  const dialect = withDropped(reader, params, upstream?.dialect ?? COMPATIBLE)
  const extraHeaders = readHeaders(reader, params)
  const timeoutMs = readSeconds(reader, reader.field(params, 'timeout'))
  const retries = readRetries(reader, params, ['num_retries', 'max_retries'])
  const rules = readUpstreamRules(reader, params, { byDefault: byDefault.rules, retries })
  const prices = readPrices(reader, params, info)
  const regionField = reader.field(info, 'region') ?? reader.field(params, 'region_name')
  const region = reader.text(regionField)
  // LiteLLM's `max_tokens` is its older name for the longest answer.
  const outputTokensMax = readTokens(reader, info, ['max_output_tokens', 'max_tokens'])
  const inputTokensMax = readTokens(reader, info, ['max_input_tokens'])
  const baseModel = reader.text(
    reader.field(info, 'base_model') ?? reader.field(params, 'base_model'),
  )
  const shares = readShares(reader, params)
  if (modelName === null || upstream === null) return null
  return {
    // A header of each answer carries the id, so it is kept to ASCII.
    id: id ?? `${encodeURI(modelName.toWellFormed())}#${count}`,
    modelName,
    ...upstream,
    dialect,
    pricedAs: baseModel === null ? upstream.pricedAs : parseBaseModel(baseModel, upstream.provider),
    extraHeaders,
    mockResponse,
    price: prices?.price ?? null,
    services: prices?.services ?? {},
    timeoutMs: timeoutMs ?? byDefault.timeoutMs,
    rules,
    region: region?.toLowerCase() ?? null,
    outputTokensMax,
    inputTokensMax,
    ...shares,
    modelInfo,
    line: entry.setting.line,
  }
}

/** How many of its model's calls it takes, in LiteLLM's words. */
function readShares(reader: Reader, params: MapField) {
  const whole = (key: string) =>
    reader.number(reader.field(params, key), 'a whole number from 0 to 1000000000', {
      min: 0,
      max: 1e9,
      isWhole: true,
    })
  const weight = reader.number(reader.field(params, 'weight'), 'a number from 0 to 1000000000', {
    min: 0,
    max: 1e9,
  })
  return {
    weight,
    rpm: whole('rpm'),
    tpm: whole('tpm'),
    parallelMax: whole('max_parallel_requests'),
  }
}

/** A bound in tokens, under the first of some keys that is there; null: under none. */
function readTokens(reader: Reader, info: MapField | null, keys: readonly string[]): number | null {
  const field = keys.map((key) => reader.field(info, key)).find((field) => field !== null) ?? null
  const bounds = { min: 1, max: 1e9, isWhole: true }
  return reader.number(field, 'a whole number of tokens from 1 to 1000000000', bounds)
}

function readId(reader: Reader, info: MapField | null): string | null {
  const field = reader.field(info, 'id')
  if (field === null) return null
  const isNumber = field.setting.kind === 'scalar' && typeof field.setting.value === 'number'
  const id = isNumber ? String(reader.json(field)) : reader.text(field)
  if (id === null || /^[\x21-\x7e]+$/.test(id)) return id
  return reader.wrong(field, 'made of ASCII letters, digits and signs, without spaces')
}

function checkIds(reader: Reader, deployments: readonly DeploymentConfig[]) {
  const lineById = new Map<string, number>()
  for (const { id, line } of deployments) {
    const firstLine = lineById.get(id)
    if (firstLine === undefined) lineById.set(id, line)
    else {
      const what = `model_info.id ${JSON.stringify(id)} is also that of the model on line`
      reader.report.problem(line, `${what} ${firstLine}; each needs one of its own`)
    }
  }
}

/**
 * The prices that the config gives, null when it gives none. As in LiteLLM prices may also stand in
 * `model_info`, and those of `litellm_params` come first.
 */
function readPrices(reader: Reader, params: MapField, info: MapField | null): ConfigPrices | null {
  const fields = new Map<string, Field>()
  for (const key of PRICE_KEYS) {
    const field = reader.field(params, key) ?? reader.field(info, key)
    if (field !== null) fields.set(key, field)
  }
  const written = [...fields].map(([key, field]) => [key, reader.json(field)] as const)
  // One that refers to a variable that is not set; that has been told.
  if (written.some(([, value]) => value === null)) return null
  const prices = pricesFromConfig(Object.fromEntries(written))
  if (prices === null || !('problem' in prices)) return prices
  const field = fields.get(prices.key)
  if (field?.setting.kind === 'scalar' && typeof field.setting.value !== 'number') {
    return reader.wrong(field, `dollars for one ${unitOf(prices.key) ?? 'token'}, as a number`)
  }
  const line = field?.setting.line ?? params.setting.line
  reader.report.problem(line, `${params.name}: ${prices.problem}`)
  return null
}

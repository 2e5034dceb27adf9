import { dollarsText } from '../ledger/money.ts'
import type { Price, Rates } from '../metering/price.ts'
import { unitPricesOf } from '../metering/unit-prices.ts'
import { isOutputKind, TOKEN_KINDS } from '../metering/usage.ts'
import type { Config, DeploymentConfig } from './config.ts'

/**
 * What a config would serve, for people: each deployment with its upstream and its prices, in
 * dollars for a million tokens, then what is worth a warning. No secret is in it.
 */
export function served(
  config: Config,
  priceOf: (deployment: DeploymentConfig) => Price | null,
): string {
  const { deployments } = config
  const lines = deployments.flatMap((deployment) => {
    const { modelName, provider, upstreamModel, apiBase } = deployment
    const where = whereOf(deployment, apiBase)
    return [`${modelName} -> ${provider}/${upstreamModel} ${where}`, ...prices(priceOf(deployment))]
  })
  const warnings = [
    ...config.warnings,
    ...deployments.filter((deployment) => priceOf(deployment) === null).map(unpriced),
  ]
  return [
    ...lines,
    '',
    `${count(deployments.length, 'deployment')}, ${count(warnings.length, 'warning')}.`,
    ...warnings.map((warning) => `warning: ${warning}`),
  ].join('\n')
}

/** What to do about a deployment without a price. */
export function unpriced({ modelName, line, provider }: DeploymentConfig): string {
  const where = line === 0 ? '' : `line ${line}: `
  const what = `model ${modelName} has no price and is refused for customers with a budget`
  const right =
    'add input_cost_per_token and output_cost_per_token (for pictures and sound ' +
    'output_cost_per_image, input_cost_per_second or input_cost_per_character) under its ' +
    'litellm_params'
  const ofAzure = ', or base_model under its model_info, which says what the deployment is of'
  return `${where}${what}; ${right}${provider.startsWith('azure') ? ofAzure : ''}`
}

function whereOf({ mockResponse, provider }: DeploymentConfig, apiBase: string | null): string {
  if (mockResponse !== null) return '(mock_response)'
  if (provider === 'demo') return '(built in, simulated)'
  return `at ${apiBase === null || !URL.canParse(apiBase) ? apiBase : new URL(apiBase).host}`
}

function prices(price: Price | null): string[] {
  if (price === null) return ['    no price']
  const tiers = price.tiers.map(
    ({ inputTokensAbove, rates }) =>
      `    above ${inputTokensAbove} input tokens: ${ratesText(rates)}`,
  )
  const ofTokens = price.hasTokens === false ? [] : [ratesText(price.rates)]
  const ofUnits = unitPricesOf(price).map(({ unit, dollars, about }) => {
    const what = about === null ? unit : `${unit} ${about}`
    return `$${decimalOf(dollars)} for one ${what}`
  })
  return [`    ${[...ofTokens, ...ofUnits].join(', ')}, by ${price.source}`, ...tiers]
}

/** Input and output, and of the other kinds those that cost something else. */
function ratesText(rates: Rates): string {
  const kinds = TOKEN_KINDS.filter((kind) => {
    if (kind === 'input' || kind === 'output') return true
    return rates[kind] !== (isOutputKind(kind) ? rates.output : rates.input)
  })
  return `${kinds.map((kind) => `${kind} $${dollarsText(rates[kind])}`).join(', ')} a million`
}

/** Never with an exponent. */
const decimalOf = (dollars: number): string => dollars.toFixed(15).replace(/\.?0+$/, '')

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`

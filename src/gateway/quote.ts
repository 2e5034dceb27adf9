import { Refusal } from '../errors.ts'
import { type Nanos, ZERO } from '../ledger/money.ts'
import { costOf } from '../metering/cost.ts'
import type { Usage } from '../metering/usage.ts'
import type { Json } from '../metering/wire.ts'
import { type Demand, wholeSize } from '../metering/worst-case.ts'
import { type Admission, sizeRules } from './admit.ts'
import { lessFree } from './allowance.ts'
import { demandOf } from './demand.ts'
import type { Deployments } from './deployments.ts'
import { ENDPOINTS } from './endpoint.ts'
import { chargedRow, type Tariff } from './tariff.ts'

/** What a call would come to for a customer, now. */
export type Quote = {
  /** Whose price it is: the first of the model's. */
  readonly deployment: string
  /** Where the price comes from; null: there is none, and whoever has a budget is refused. */
  readonly priceSource: string | null
  readonly tariff: Tariff | null
  /** What is left of the tariff's allowance; null: it has none. */
  readonly free: { readonly unit: 'tokens' | 'money'; readonly left: number } | null
  /** Of the usage that was given; null: none was. */
  readonly exact: {
    readonly usage: Usage
    readonly cost: Nanos
    readonly charge: Nanos
    readonly freeTokens: number
    readonly freeMoney: Nanos
  } | null
  /** What would be held for the body that was given; null: none was. */
  readonly most: {
    readonly inputTokens: number
    readonly outputTokens: number
    readonly cost: Nanos
    readonly charge: Nanos
  } | null
}

export type QuoteParts = Pick<Admission, 'accounts' | 'rules' | 'tokenizerFor' | 'now'> & {
  readonly deployments: Deployments
}

/**
 * Works out a call without making it: nothing is sent, held or written. Of a body that says what
 * is asked (`json`, with `messages`), the prompt is counted and the longest answer taken.
 */
export async function quoteOf(
  asked: {
    readonly model: string
    readonly customerId: string | null
    readonly usage: Usage | null
    readonly json: Json
  },
  { accounts, deployments, tokenizerFor, rules, now }: QuoteParts,
): Promise<Quote> {
  const { model, customerId, usage, json } = asked
  const deployment = deployments.of(model)[0]
  if (deployment === undefined) {
    throw new Refusal('model_not_found', `The model ${model} is not served`, { param: 'model' })
  }
  const { price } = deployment
  const tariff = accounts.tariffFor(customerId, now())
  const customer = customerId === null ? null : accounts.find(customerId, now())
  const allowance = tariff?.card?.allowance ?? null
  const left = accounts.freeOf(customer, tariff, now())?.left ?? allowance?.amount ?? 0
  const free = allowance === null ? null : { allowance, left }
  const at = { deployment: deployment.id, priceSource: price?.source ?? null, tariff }

  const exactly = (used: Usage): Quote['exact'] => {
    const cost = price === null ? ZERO : costOf(used, price)
    const row = chargedRow({ model, usage: used, cost }, tariff, left)
    const { charge, freeTokens, freeMoney } = row
    return { usage: used, cost, charge, freeTokens, freeMoney }
  }

  const atMost = async (): Promise<Quote['most']> => {
    const text = JSON.stringify(json)
    const bodyBytes = new TextEncoder().encode(text).length
    const call = { endpoint: ENDPOINTS.CHAT, json, model, text, bodyBytes, context: 0 }
    const encode = await tokenizerFor(deployment.pricedAs.model)
    const sizeBy = async (by: Tariff | null) => {
      const { prompt } = demandOf(call, deployment, by)
      await prompt.count(encode)
      return wholeSize(prompt.demand as Demand, sizeRules(rules))
    }
    const charged = await sizeBy(tariff)
    const { inputTokens, outputTokens, worstCase: gross } = charged
    const charge = lessFree({ gross, tokens: inputTokens + outputTokens }, free)
    const { worstCase: cost } = await sizeBy(null)
    return { inputTokens, outputTokens, cost, charge }
  }
  return {
    ...at,
    free: free === null ? null : { unit: free.allowance.unit, left: free.left },
    exact: usage === null ? null : exactly(usage),
    most: json['messages'] === undefined ? null : await atMost(),
  }
}

import type { Config } from './config/config.ts'
import { Refusal } from './errors.ts'
import { Deployments, pricedIn } from './gateway/deployments.ts'
import { EVERY_RECORD, readTimes } from './http/record-query.ts'
import { KNOWN_MODELS } from './known-models.ts'
import { dollarsText, type Nanos, plus, ZERO } from './ledger/money.ts'
import { UNPRICED } from './ledger/settlement.ts'
import type { Price } from './metering/price.ts'
import { costAt, serviceOf } from './metering/repricing.ts'
import type { CorrectedCall } from './store/corrections.ts'
import type { RepricedSum, RepriceOrder, Repricing } from './store/reprice.ts'

/** What the command line says of it. */
export type RepriceFlags = {
  readonly model?: string
  readonly deployment?: string
  readonly from?: string
  readonly to?: string
  readonly undo?: string
  readonly reason?: string
}

/** Throws `invalid_request` for flags that do not go together. */
export function whatToReprice(
  flags: RepriceFlags,
  config: () => Config,
): Pick<RepriceOrder, 'what' | 'reason'> {
  const { model, deployment, from, to, undo, reason } = flags
  if (undo !== undefined) {
    const others = [model, deployment, from, to].some((flag) => flag !== undefined)
    if (others) throw wrong('--undo names a batch, which is undone whole: leave out the rest')
    return { what: { undo }, reason: reason ?? `undoes ${undo}` }
  }
  if (model === undefined) throw wrong('reprice needs --model NAME, or --undo BATCH')
  const deployments = new Deployments(config().deployments, KNOWN_MODELS)
  if (deployment !== undefined && deployments.byId(deployment) === null) {
    const ids = deployments.of(model).map(({ id }) => id)
    const there = ids.length === 0 ? 'none' : ids.join(', ')
    throw wrong(`The config has no deployment ${deployment}; of ${model} it has ${there}`)
  }
  const times = readTimes(
    { start: from ?? null, end: to ?? null },
    { start: '--from', end: '--to' },
  )
  return {
    what: {
      ...{ ...EVERY_RECORD, model, deployment: deployment ?? null },
      ...times,
      costOf: (call) => costNow(call, deployments),
    },
    reason: reason ?? `the price of ${model} was wrong`,
  }
}

const wrong = (sentence: string) => new Refusal('invalid_request', `${sentence}.`)

/** What a call should have cost by the present config, or why that cannot be known. */
function costNow(call: CorrectedCall, deployments: Deployments): Nanos | string {
  const { deployment: id, price, usage } = call
  const deployment = deployments.byId(id)
  if (deployment === null) return `were answered by ${id}, which the config does not have any more`
  const known = price === null || price === UNPRICED ? null : (JSON.parse(price) as Price)
  const priced = pricedIn(deployment, known === null ? null : serviceOf(known))
  if (priced === null) return `were answered by ${id}, which has no price`
  return costAt(usage, priced.price) ?? `used what the price of ${id} does not tell the cost of`
}

const HEAD = ['deployment', 'rows', 'customers', 'cost was', 'cost is', 'charge was', 'charge is']

/** As a table, in dollars. */
export function repricingText({ sums, right, left }: Repricing): string {
  const notes = [
    ...(right === 0 ? [] : [`${right} more are right as they are.`]),
    ...[...left].map(([why, rows]) => `${rows} ${why}, and are left as they are.`),
  ]
  if (sums.length === 0) return ['Nothing is to be put right.', ...notes].join('\n')
  const lines = [HEAD, ...sums.map(cellsOf), ...(sums.length > 1 ? [cellsOf(totalOf(sums))] : [])]
  const widths = HEAD.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)))
  const table = lines.map((line) =>
    line
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
      .join('  '),
  )
  return [...table, ...notes].join('\n')
}

const cellsOf = ({ deployment, rows, customers, was, is }: RepricedSum): string[] => [
  deployment,
  String(rows),
  String(customers.size),
  ...[was.cost, is.cost, was.charge, is.charge].map(dollarsText),
]

function totalOf(sums: readonly RepricedSum[]): RepricedSum {
  const sumOf = (amount: (sum: RepricedSum) => Nanos) =>
    sums.reduce((total, sum) => plus(total, amount(sum)), ZERO)
  return {
    deployment: 'all',
    rows: sums.reduce((total, { rows }) => total + rows, 0),
    customers: new Set(sums.flatMap(({ customers }) => [...customers])),
    was: { cost: sumOf(({ was }) => was.cost), charge: sumOf(({ was }) => was.charge) },
    is: { cost: sumOf(({ is }) => is.cost), charge: sumOf(({ is }) => is.charge) },
  }
}

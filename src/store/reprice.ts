import { type Nanos, plus, ZERO } from '../ledger/money.ts'
import type { Amounts } from '../ledger/settlement.ts'
import { cardOf, type RateCard } from '../metering/rate-card.ts'
import { chargeAgain } from '../metering/repricing.ts'
import { lookAtFile } from '../runtime/files.ts'
import { type Database, openDatabase } from '../runtime/sqlite.ts'
import {
  batchOf,
  between,
  type CallFilter,
  type CorrectedCall,
  callsIn,
  correctionWriter,
  type Difference,
  inversesOf,
} from './corrections.ts'
import { exportQueue } from './export-queue.ts'
import { ledgerTable } from './ledger.ts'
import { lockDatabase } from './lock.ts'
import { requireThisSchema } from './schema.ts'
import { transactions } from './transaction.ts'
import { UnusableDatabase, unusable } from './trouble.ts'

/** What is to be put right: calls at other prices, or a batch of corrections by its inverse. */
export type RepriceOrder = {
  readonly path: string
  readonly what: RightPrices | { readonly undo: string }
  readonly reason: string
  readonly now: number
  readonly newId: () => string
  /** Shown what would be done, before it is. False: it is not. */
  agreed(summary: Repricing): boolean
}

type RightPrices = CallFilter & {
  /** What a call should have cost, or in words why that cannot be known. */
  costOf(call: CorrectedCall): Nanos | string
}

/** Of a deployment's calls that change. */
export type RepricedSum = {
  readonly deployment: string
  rows: number
  readonly customers: Set<string>
  was: Sums
  is: Sums
}

type Sums = Pick<Amounts, 'cost' | 'charge'>

export type Repricing = {
  readonly sums: readonly RepricedSum[]
  /** Calls that are right as they are. */
  readonly right: number
  /** Calls that were left as they are, by the reason in words. */
  readonly left: ReadonlyMap<string, number>
  /** Of what was written; null: nothing was. */
  readonly batch: string | null
}

/**
 * Puts right what calls cost, by a correcting row for each, in one batch; shown before it is done.
 * What earlier corrections put right counts, so that a second run corrects nothing more, and one
 * that was stopped in the midst is finished by the next. The server must be stopped for it: it has
 * the spend of customers in its memory. Throws `UnusableDatabase`.
 */
export async function reprice(order: RepriceOrder): Promise<Repricing> {
  const { path } = order
  try {
    const { realPath } = lookAtFile(path)!
    const look = await openDatabase(realPath, 'readonly')
    let found: Repricing
    try {
      requireThisSchema(look, path)
      found = summaryOf(differencesIn(look, order))
    } finally {
      look.close()
    }
    if (found.sums.length === 0 || !order.agreed(found)) return found
    const unlock = await lockDatabase(realPath)
    try {
      return await write(realPath, order)
    } finally {
      unlock()
    }
  } catch (error) {
    throw unusable(error, path)
  }
}

/** Some calls: what changes, and what does not. */
type Looked = {
  readonly differences: readonly Difference[]
  readonly right: number
  readonly left: readonly string[]
}

function* differencesIn(database: Database, { what }: RepriceOrder): Generator<Looked> {
  if ('undo' in what) {
    if (batchOf(database, what.undo) === null) {
      throw new UnusableDatabase(`There is no batch ${what.undo} of corrections.`)
    }
    for (const differences of inversesOf(database, what.undo)) {
      yield { differences, right: 0, left: [] }
    }
    return
  }
  const cards = new Map<string, RateCard>()
  const cardBy = (text: string) => {
    const card = cards.get(text) ?? cardOf(text)
    cards.set(text, card)
    return card
  }
  for (const calls of callsIn(database, what)) {
    const found = calls.map((call) => differenceOf(call, what, cardBy))
    yield {
      differences: found.filter((one) => typeof one === 'object' && one !== null),
      right: found.filter((one) => one === null).length,
      left: found.filter((one) => typeof one === 'string'),
    }
  }
}

/** Null: it is right. Text: why it is left as it is. */
function differenceOf(
  call: CorrectedCall,
  { costOf }: RightPrices,
  cardBy: (text: string) => RateCard,
): Difference | string | null {
  const cost = costOf(call)
  if (typeof cost === 'string') return cost
  const { booked, now, model, usage, freeTokens } = call
  const card = call.card === null ? null : cardBy(call.card)
  const free = { freeTokens, freeMoney: booked.freeMoney }
  const { charge, freeMoney } = chargeAgain(card, { model, usage, cost }, free)
  // A row does not say which of the two its budget counted, but where they differ.
  const counted = booked.counted === booked.charge ? charge : cost
  const by = between({ cost, charge, counted, freeMoney }, now)
  return Object.values(by).every((amount) => amount === 0) ? null : { call, by }
}

async function write(path: string, order: RepriceOrder): Promise<Repricing> {
  const { now, newId, reason, what } = order
  const database = await openDatabase(path, 'readwrite')
  try {
    requireThisSchema(database, path)
    const ledger = ledgerTable(database)
    const { unsummed } = ledger
    unsummed.adding = exportQueue(database).add
    const commit = transactions(database, unsummed)
    const correct = correctionWriter(database, { ledger, newId, now })
    const batch = { id: newId(), reason, undoes: 'undo' in what ? what.undo : null }
    const inOne = (write: () => void) => {
      for (const outcome of commit([write])) if (!outcome.kept) throw outcome.error
    }
    function* written(): Generator<Looked> {
      for (const looked of differencesIn(database, order)) {
        if (looked.differences.length > 0) inOne(() => correct(batch, [...looked.differences]))
        yield looked
        inOne(() => unsummed.sum())
      }
    }
    return { ...summaryOf(written()), batch: batch.id }
  } finally {
    database.close()
  }
}

function summaryOf(all: Iterable<Looked>): Repricing {
  const sums = new Map<string, RepricedSum>()
  const leftBy = new Map<string, number>()
  let right = 0
  for (const looked of all) {
    right += looked.right
    for (const why of looked.left) leftBy.set(why, (leftBy.get(why) ?? 0) + 1)
    for (const difference of looked.differences) addTo(sums, difference)
  }
  return { sums: [...sums.values()], right, left: leftBy, batch: null }
}

function addTo(sums: Map<string, RepricedSum>, { call, by }: Difference) {
  const { deployment, customerId, now } = call
  const nothing = { cost: ZERO, charge: ZERO }
  const sum = sums.get(deployment) ?? {
    ...{ deployment, rows: 0, customers: new Set<string>(), was: nothing, is: nothing },
  }
  sums.set(deployment, sum)
  sum.rows++
  if (customerId !== null) sum.customers.add(customerId)
  const { was, is } = sum
  sum.was = { cost: plus(was.cost, now.cost), charge: plus(was.charge, now.charge) }
  sum.is = {
    cost: plus(is.cost, plus(now.cost, by.cost)),
    charge: plus(is.charge, plus(now.charge, by.charge)),
  }
}

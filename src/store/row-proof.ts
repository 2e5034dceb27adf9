import { dollarsText, type Nanos } from '../ledger/money.ts'
import { UNPRICED } from '../ledger/settlement.ts'
import { costOf } from '../metering/cost.ts'
import type { Price } from '../metering/price.ts'
import { cardOf, type RateCard } from '../metering/rate-card.ts'
import { chargeAgain } from '../metering/repricing.ts'
import type { Usage } from '../metering/usage.ts'
import type { Database, SqlRow } from '../runtime/sqlite.ts'
import { usageIn } from './usage-in.ts'

/** Rows of the ledger read at a time, so that any number fits in memory. */
const PAGE_ROWS = 10_000

/**
 * Rows that do not explain themselves: the cost is not the usage at its prices, the charge not what
 * the rate card makes of both, or what counts on the budget neither of the two.
 */
export function* wrongAmounts(database: Database): Generator<string> {
  const prices = new Map<number, Price>()
  for (const { id, snapshot } of database.prepare('SELECT * FROM prices').all()) {
    if (snapshot === UNPRICED) continue
    prices.set(id as number, JSON.parse(snapshot as string) as Price)
  }
  const cards = new Map<number, RateCard>()
  for (const { id, snapshot } of database.prepare('SELECT * FROM rate_cards').all()) {
    cards.set(id as number, cardOf(snapshot as string))
  }
  const page = database.prepare(
    `SELECT * FROM ledger WHERE id > ?1 AND outcome <> 'correction'
     ORDER BY id LIMIT ${PAGE_ROWS}`,
  )
  let last = ''
  for (let rows = page.all(last); rows.length > 0; rows = page.all(last)) {
    for (const row of rows) {
      const say = (amount: number) => dollarsText(amount as Nanos)
      const amount = (name: string) => row[name] as number
      const price = prices.get(row['price_id'] as number)
      const cost = price === undefined ? 0 : costOf(usageIn(row) as Usage, price)
      if (cost !== row['cost']) {
        const [booked, right] = [say(amount('cost')), say(cost)]
        yield `ledger row ${row['id']}: cost is ${booked}, its usage at its prices ${right}`
        continue
      }
      const charge = chargeBy(cards.get(row['card_id'] as number) ?? null, row)
      if (charge !== row['charge']) {
        const by = row['card_id'] === null ? 'its cost' : 'by its rate card'
        const [booked, right] = [say(amount('charge')), say(charge)]
        yield `ledger row ${row['id']}: charge is ${booked}, ${by} ${right}`
      } else if (row['counted'] !== row['charge'] && row['counted'] !== row['cost']) {
        yield `ledger row ${row['id']}: counts as ${say(amount('counted'))}, and not as its charge`
      }
    }
    last = rows.at(-1)!['id'] as string
  }
}

/** Customers whose rows of a month took more off than any of their cards allowed in it. */
export const overAllowance = (database: Database): string[] =>
  ['tokens', 'dollars'].flatMap((unit) => {
    const [column, scale] = unit === 'tokens' ? ['free_tokens', 1] : ['free_money', 1e9]
    const rows = database
      .prepare(`
        SELECT customer_id, strftime('%Y-%m', settled_at / 1000, 'unixepoch') AS month,
          sum(${column}) AS used,
          round(max(json_extract(snapshot, '$.free_allowance.${unit}') * ${scale})) AS allowed
        FROM ledger JOIN rate_cards ON rate_cards.id = card_id
        GROUP BY tab, month HAVING used > coalesce(allowed, 0)`)
      .all()
    return rows.map(
      ({ customer_id: id, month, used }) =>
        `customer ${id}: in ${month} ${used} were free (${column}), more than there is`,
    )
  })

/** What a row is to be charged, with what the allowance took off it by its own word. */
function chargeBy(card: RateCard | null, row: SqlRow): Nanos {
  const usage = usageIn(row) as Usage
  const used = { model: row['model'] as string, usage, cost: row['cost'] as Nanos }
  const freeTokens = row['free_tokens'] as number
  return chargeAgain(card, used, { freeTokens, freeMoney: row['free_money'] as Nanos }).charge
}

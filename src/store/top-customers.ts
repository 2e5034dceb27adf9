import type { SeriesRange, Slot, TopCustomer } from '../ledger/record.ts'
import type { Database } from '../runtime/sqlite.ts'
import { breath } from './records.ts'
import { slotOf } from './rollups.ts'

const DAYS_AT_ONCE = 31
const SEEKS_AT_ONCE = 1_000

/** Sums that are looked up to rank those who were charged most on one of many days. */
const SEEKS_MAX = 50_000
const CANDIDATES_MAX = 500

export const MOST_CHARGED_ON = `
  SELECT tab, charge FROM customer_days INDEXED BY customer_days_by_charge
  WHERE day = ?1 ORDER BY charge DESC, tab DESC LIMIT ?2`

export const DAY_OF_CUSTOMER = 'SELECT * FROM customer_days WHERE day = ?1 AND tab = ?2'

/**
 * Makes the function that finds who was charged most on the days of a range, each with its days: of
 * one day exactly those; of several, those who rank first by their exact sums among the ones who
 * were on one of the days.
 */
export function topCustomers(
  database: Database,
): (days: SeriesRange, most: number) => Promise<readonly TopCustomer[]> {
  const mostChargedOn = database.prepare(MOST_CHARGED_ON)
  const dayOfCustomer = database.prepare(DAY_OF_CUSTOMER)
  const customerOf = database.prepare('SELECT id, alias FROM customers WHERE tab = ?1')
  const tabsOf = database.prepare('SELECT tab FROM customers WHERE id = ?1 ORDER BY tab')

  /** On each day the most charged, and of many days those who come first when these are added. */
  async function candidates(days: SeriesRange, most: number): Promise<number[]> {
    const charges = new Map<number, number>()
    for (let day = days.first; day <= days.last; day++) {
      for (const { tab, charge } of mostChargedOn.all(day, most)) {
        charges.set(tab as number, (charges.get(tab as number) ?? 0) + (charge as number))
      }
      if ((day - days.first) % DAYS_AT_ONCE === 0) await breath()
    }
    const length = days.last - days.first + 1
    const kept = Math.max(2 * most, Math.min(CANDIDATES_MAX, Math.floor(SEEKS_MAX / length)))
    const ranked = [...charges].sort(([, a], [, b]) => b - a).slice(0, kept)
    return ranked.map(([tab]) => tab)
  }

  return async (days, most) => {
    const byId = new Map<string, TopCustomer & { slots: Slot[]; tabs: number[] }>()
    let seeks = 0
    // Whoever was deleted and made again has several tabs, and is one customer.
    const found = (await candidates(days, most)).map((tab) => [tab, customerOf.get(tab)] as const)
    const ids = new Map(found.map(([tab, row]) => [(row?.['id'] as string) ?? '', tab]))
    for (const [id, tab] of ids) {
      const all = id === '' ? [tab] : tabsOf.all(id).map((row) => row['tab'] as number)
      const alias = (customerOf.get(all.at(-1)!)?.['alias'] as string | null) ?? null
      const customer = { id, alias, charge: 0, tabs: all, slots: [] as Slot[] }
      for (const own of all) {
        for (let day = days.first; day <= days.last; day++) {
          if (++seeks % SEEKS_AT_ONCE === 0) await breath()
          const row = dayOfCustomer.get(day, own)
          if (row === null) continue
          customer.slots.push(slotOf({ ...row, bucket: day, model: '' }))
          customer.charge += row['charge'] as number
        }
      }
      byId.set(id, customer)
    }
    return [...byId.values()].sort((a, b) => b.charge - a.charge).slice(0, most)
  }
}

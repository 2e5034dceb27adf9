import type { Budget, Limits } from '../ledger/budget.ts'
import type { BudgetedCustomer } from '../ledger/customer.ts'
import type { Nanos } from '../ledger/money.ts'
import type { Period } from '../ledger/period.ts'
import type { Settlement } from '../ledger/settlement.ts'
import { type Database, openDatabase } from '../runtime/sqlite.ts'
import { type BudgetTable, budgetNotFound, budgetTable, newBudget } from './budgets.ts'
import {
  type CustomerChange,
  type CustomerChanges,
  customerChanges,
  type NewCustomer,
} from './customer-changes.ts'
import { type CustomerTable, customerTable, type ListQuery, type PeriodOf } from './customers.ts'
import { type Deliveries, deliveries } from './deliveries.ts'
import { type DeliveryTable, deliveryTable, type NewDelivery } from './delivery-table.ts'
import { type Flush, startFlush } from './flush.ts'
import { type LedgerTable, ledgerTable } from './ledger.ts'
import { lockDatabase } from './lock.ts'
import { migrate } from './schema.ts'

/** What the store needs of the world; in tests time stands still. */
export type StoreOptions = {
  readonly path: string
  readonly periodOf: PeriodOf
  readonly now: () => number
  /** A ULID, each later than the one before. */
  readonly newId: () => string
  /**
   * Told in the same breath as the commit that changed a customer or a budget, so that what is
   * kept of them in memory is never older than the disk.
   */
  readonly changed: (what: {
    readonly customers: readonly string[]
    readonly budgets: readonly string[]
  }) => void
}

/** Of a call that is on nobody's tab. */
const NO_PERIOD = { periodStart: 0, told: [] }

/**
 * All that the rest may ask of the data. Reads are synchronous and see what is committed; each
 * write queues for the flush loop, and its promise resolves when it is on disk.
 */
export class Store {
  /** Events on their way to receivers, and those that were lately. */
  readonly deliveries: Deliveries
  readonly #database: Database
  readonly #flush: Flush
  readonly #options: StoreOptions
  readonly #unlock: () => void
  readonly #budgets: BudgetTable
  readonly #ledger: LedgerTable
  readonly #customers: CustomerTable
  readonly #changes: CustomerChanges
  readonly #deliveryTable: DeliveryTable

  private constructor(database: Database, options: StoreOptions, unlock: () => void) {
    this.#unlock = unlock
    this.#database = database
    this.#options = options
    this.#flush = startFlush(database)
    this.#budgets = budgetTable(database)
    this.#ledger = ledgerTable(database)
    const { periodOf, now, newId } = options
    const parts = { budgets: this.#budgets, ledger: this.#ledger, periodOf }
    this.#customers = customerTable(database, parts)
    this.#changes = customerChanges({ ...parts, customers: this.#customers, now, newId })
    this.#deliveryTable = deliveryTable(database)
    this.deliveries = deliveries({ table: this.#deliveryTable, flush: this.#flush, now })
  }

  /**
   * Opens the file, makes it when it is not there, and brings its schema up to date. Throws
   * `UnusableDatabase` when another server has it, or a newer version wrote it.
   */
  static async open(options: StoreOptions): Promise<Store> {
    const unlock = await lockDatabase(options.path)
    const database = await openDatabase(options.path, 'readwrite')
    // Small pages, as a commit writes the whole of each page that it touches: 10 to 20 % less time
    // for a row than with 4096. Has an effect on a new file only.
    database.exec('PRAGMA page_size = 2048')
    // WAL with NORMAL: a commit survives the death of the process, and readers never wait.
    database.exec('PRAGMA journal_mode = WAL')
    database.exec('PRAGMA synchronous = NORMAL')
    database.exec('PRAGMA busy_timeout = 250')
    // Charges of many customers touch many pages, the same ones again and again: kept in 32 MB of
    // memory, and copied back after as much of WAL, a row costs 14 µs and not 18 (batches of ten).
    database.exec('PRAGMA cache_size = -32000')
    database.exec('PRAGMA wal_autocheckpoint = 16000')
    migrate(database)
    return new Store(database, options, unlock)
  }

  isHealthy(): boolean {
    return this.#flush.isHealthy()
  }

  /** Commits what is queued and closes the file. False when something could not be written. */
  close(): boolean {
    const complete = this.#flush.stop()
    this.#database.close()
    this.#unlock()
    return complete
  }

  // Calls

  /** A charge and its events, in one transaction. */
  commit(settlement: Settlement, events: readonly NewDelivery[]): Promise<void> {
    const { row, after } = settlement
    return this.#flush.enqueue(() => {
      this.#ledger.book(row, after ?? NO_PERIOD)
      for (const event of events) this.#deliveryTable.add(event, row.settledAt)
    })
  }

  /** Makes known a set of prices that charges will name, so that each need not search for it. */
  addPrice(snapshot: string): Promise<number> {
    return this.#flush.enqueue(
      () => this.#ledger.addPrice(snapshot),
      (id) => this.#ledger.rememberPrice(snapshot, id),
    )
  }

  /** The customer of a call, opened if there was none: its first call creates it. */
  findOrOpenCustomer(id: string): BudgetedCustomer {
    const known = this.findCustomer(id)
    if (known !== null) return known
    // Somebody may just be creating it: what is queued is committed before we look again.
    this.#flush.now()
    const created = this.findCustomer(id)
    if (created !== null) return created
    const customer = this.#changes.make(id, {})
    void this.#flush.enqueue(() => this.#customers.insert(customer))
    return { customer, budget: null }
  }

  // Customers

  findCustomer(id: string): BudgetedCustomer | null {
    return this.#customers.find(id, this.#options.now())
  }

  /** Charged for one model on a tab since a moment, milliseconds. */
  spentOnModelSince(tab: number, model: string, since: number): Nanos {
    return this.#ledger.spentOnModelSince(tab, model, since)
  }

  /** What a customer was charged in its current period and in those before it, newest first. */
  periodsOf(id: string, limit: number): readonly (Period & { readonly spent: Nanos })[] | null {
    const known = this.findCustomer(id)
    if (known === null) return null
    const { tab, createdAt } = known.customer
    const { periodOf, now } = this.#options
    const periods: (Period & { readonly spent: Nanos })[] = []
    let period = periodOf(known.budget, now())
    for (;;) {
      const { start, end } = period
      const spent = this.#ledger.spentBetween(tab, start, end ?? Number.MAX_SAFE_INTEGER)
      periods.push({ start, end, spent })
      if (periods.length === limit || start <= createdAt) return periods
      period = periodOf(known.budget, start - 1)
    }
  }

  listCustomers(query: ListQuery): { customers: readonly BudgetedCustomer[]; total: number } {
    return this.#customers.list(query, this.#options.now())
  }

  /** Throws `conflict` when the id is taken, `not_found` when the budget is unknown. */
  createCustomer(given: NewCustomer): Promise<BudgetedCustomer> {
    return this.#change([given.id], () => this.#changes.create(given))
  }

  /** Changes what is given and nothing else. Throws `not_found` for the customer or the budget. */
  updateCustomer(id: string, change: CustomerChange): Promise<BudgetedCustomer> {
    return this.#change([id], () => this.#changes.update(id, change))
  }

  /** Marks them deleted; the ledger keeps their rows. An unknown one: `not_found`, none deleted. */
  deleteCustomers(ids: readonly string[]): Promise<void> {
    return this.#change(ids, () => this.#changes.remove(ids))
  }

  /** Blocks or unblocks; an unknown id is created. */
  setBlocked(ids: readonly string[], blocked: boolean): Promise<readonly BudgetedCustomer[]> {
    return this.#change(ids, () => this.#changes.setBlocked(ids, blocked))
  }

  // Budgets

  findBudget(id: string): Budget | null {
    return this.#budgets.find(id)
  }

  findBudgets(ids: readonly string[]): readonly Budget[] {
    return ids.map((id) => this.#budgets.find(id)).filter((budget) => budget !== null)
  }

  /** Those that several customers can share; a customer's own limits are not among them. */
  listBudgets(): readonly Budget[] {
    return this.#budgets.listShared()
  }

  /** Throws `conflict` when the id is taken. */
  createBudget(given: {
    readonly id: string
    readonly limits: Partial<Limits>
    readonly createdBy: string
  }): Promise<Budget> {
    const by = { shared: true, who: given.createdBy, now: this.#options.now() }
    const budget = newBudget(given.id, given.limits, by)
    return this.#flush.enqueue(() => {
      this.#budgets.insert(budget)
      return budget
    })
  }

  /** Changes what is given, for every customer on it at once. Throws `not_found`. */
  updateBudget(id: string, limits: Partial<Limits>, updatedBy: string): Promise<Budget> {
    return this.#flush.enqueue(
      () => {
        const known = this.#budgets.find(id)
        if (known === null) throw budgetNotFound(id)
        const budget = { ...known, ...limits, updatedAt: this.#options.now(), updatedBy }
        this.#budgets.replace(budget)
        return budget
      },
      () => this.#options.changed({ customers: [], budgets: [id] }),
    )
  }

  /** Throws `not_found`, and `in_use` while customers are on it unless `force`. */
  deleteBudget(id: string, force: boolean): Promise<Budget> {
    return this.#flush.enqueue(
      () => {
        const known = this.#budgets.find(id)
        if (known === null) throw budgetNotFound(id)
        this.#budgets.remove(known, force)
        return known
      },
      () => this.#options.changed({ customers: [], budgets: [id] }),
    )
  }

  /** Queues a change of customers, and tells of it when it is committed. */
  #change<Result>(ids: readonly string[], write: () => Result): Promise<Result> {
    return this.#flush.enqueue(write, () => this.#options.changed({ customers: ids, budgets: [] }))
  }
}

import type { Refusal } from '../errors.ts'
import type { Budget } from '../ledger/budget.ts'
import type { BudgetedCustomer } from '../ledger/customer.ts'
import type { Nanos } from '../ledger/money.ts'
import { NOTHING_REMEMBERED, type OpenCall, type Remembered } from '../ledger/open-call.ts'
import type { Settlement } from '../ledger/settlement.ts'
import type { StoredResponse } from '../ledger/stored-response.ts'
import type { Database } from '../runtime/sqlite.ts'
import { type KeptAnswers, keptAnswers } from './answers.ts'
import { type BudgetWrites, budgetWrites } from './budget-writes.ts'
import { type BudgetTable, budgetTable } from './budgets.ts'
import { type CreditStore, creditStore } from './credit.ts'
import {
  type CustomerChange,
  type CustomerChanges,
  customerChanges,
  type NewCustomer,
} from './customer-changes.ts'
import { type CustomerCounts, customerCounts } from './customer-counts.ts'
import type { ListQuery } from './customer-list.ts'
import { type CustomerPage, type CustomerTable, customerTable } from './customers.ts'
import { type Deliveries, deliveries } from './deliveries.ts'
import { type DeliveryTable, deliveryTable, type NewDelivery } from './delivery-table.ts'
import { type Exports, exports } from './exports.ts'
import { Flush } from './flush.ts'
import { type KeyStore, keyStore } from './key-changes.ts'
import { keyTable } from './keys.ts'
import { type LedgerTable, ledgerTable } from './ledger.ts'
import type { NearLimits } from './near-limits.ts'
import { openForServing, type Serving } from './open.ts'
import { type OpenCalls, openCalls } from './open-calls.ts'
import type { StoreOptions } from './options.ts'
import { type PeriodSpend, periodsOf } from './periods.ts'
import { type Rates, rates } from './rates.ts'
import { type Reports, reports } from './reports.ts'
import { type StoredResponses, storedResponses } from './responses.ts'
import { type Series, series } from './series.ts'
import { type Sessions, sessionTable } from './sessions.ts'
import { type Statements, statements } from './statements.ts'
import { type Summing, summing } from './summing.ts'
import { troubleRefusal, unusable } from './trouble.ts'
import { copyBackElsewhere, tidyUp, watchWal } from './wal.ts'

/**
 * All that the rest may ask of the data. Reads are synchronous and see what is committed; each
 * write queues for the flush loop, and its promise resolves when it is on disk. While the disk
 * takes no writes, charges stay queued, and an operator's changes are refused at once.
 */
export class Store {
  readonly openCalls: OpenCalls
  readonly answers: KeptAnswers
  readonly responses: StoredResponses
  /** Events on their way to receivers, and those that were lately. */
  readonly deliveries: Deliveries
  /** Rows on their way to billing systems. */
  readonly exports: Exports
  /** What was used, by call and by day. */
  readonly reports: Reports
  /** Who is signed in to the console. */
  readonly sessions: Sessions
  readonly series: Series
  readonly statements: Statements
  readonly rates: Rates
  readonly countCustomers: CustomerCounts['count']
  readonly nearLimits: NearLimits
  readonly #database: Database
  readonly #flush: Flush
  readonly #options: StoreOptions
  readonly #release: () => void
  readonly #budgets: BudgetTable
  readonly #ledger: LedgerTable
  readonly #summing: Summing
  readonly #customers: CustomerTable
  readonly #changes: CustomerChanges
  readonly #deliveryTable: DeliveryTable
  /** Virtual keys: who may call, and what was spent with it. */
  readonly keys: KeyStore
  /** Wallets. */
  readonly credit: CreditStore
  readonly createBudget: BudgetWrites['create']
  readonly updateBudget: BudgetWrites['update']
  readonly deleteBudget: BudgetWrites['delete']

  private constructor({ database, file, close }: Serving, options: StoreOptions) {
    this.#database = database
    this.#options = options
    this.#budgets = budgetTable(database)
    this.#ledger = ledgerTable(database)
    const pending = this.#ledger.unsummed
    this.#flush = new Flush(database, options.path, { tookMs: options.committed, pending })
    this.#summing = summing(pending, this.#flush)
    const { all: sumUp } = this.#summing
    const { periodOf, now, newId, changed } = options
    const parts = { budgets: this.#budgets, ledger: this.#ledger, periodOf }
    this.#customers = customerTable(database, { ...parts, sumUp })
    this.#changes = customerChanges({ ...parts, customers: this.#customers, now, newId })
    this.keys = keyStore({
      ...parts,
      keys: keyTable(database, parts),
      flush: this.#flush,
      now,
      newId,
      changed: (keys) => changed({ keys }),
    })
    const writes = budgetWrites({ budgets: this.#budgets, flush: this.#flush, now, changed })
    this.createBudget = writes.create
    this.updateBudget = writes.update
    this.deleteBudget = writes.delete
    this.#deliveryTable = deliveryTable(database)
    this.credit = creditStore(database, {
      table: this.#ledger.credits,
      opened: this.#ledger.opened,
      flush: this.#flush,
      find: (id) => this.#customers.find(id, now()),
      tell: this.#deliveryTable.add,
      options,
    })
    this.deliveries = deliveries({ table: this.#deliveryTable, flush: this.#flush, now })
    this.exports = exports(database, { flush: this.#flush, unsummed: pending, now })
    this.openCalls = openCalls(database, { flush: this.#flush, ledger: this.#ledger })
    this.answers = keptAnswers(database)
    this.responses = storedResponses(database)
    this.reports = reports(database, sumUp)
    this.sessions = sessionTable(database, this.#flush)
    this.series = series(database, { sumUp, waiting: pending.tabs })
    this.statements = statements(database)
    this.rates = rates(this.#ledger, { flush: this.#flush, sumUp: this.#summing.now, now })
    this.countCustomers = customerCounts(database).count
    this.nearLimits = this.#customers.near
    const stops = [watchWal(file.path), copyBackElsewhere(file, this.#flush), close]
    this.#release = () => stops.map((stop) => stop())
  }

  /** Throws `UnusableDatabase`, with what to do, when the file cannot be used as it is. */
  static async open(options: StoreOptions): Promise<Store> {
    const serving = await openForServing(options.path, options.durability)
    try {
      return new Store(serving, options)
    } catch (error) {
      serving.close()
      throw unusable(error, options.path)
    }
  }

  isHealthy(): boolean {
    return this.#flush.isHealthy
  }

  get queue(): Flush['queue'] {
    return this.#flush.queue
  }

  /** Transactions since the start: what was read is as it was while this is. */
  get commits(): number {
    return this.#flush.commits
  }

  /** What a client is told when the disk failed under a read or a write; null: it did not. */
  refusalOf(error: unknown): Refusal | null {
    return troubleRefusal(error, this.#options.path)
  }

  /** Commits what is queued and closes the file. Answers how many writes are lost. */
  close(): number {
    // It is the last try, and nothing else has to go on meanwhile: here we can wait for a lock.
    this.#database.exec('PRAGMA busy_timeout = 2000')
    this.#summing.stop()
    const lost = this.#flush.stop()
    tidyUp(this.#database)
    this.#release()
    return lost
  }

  // Calls

  /** A charge, its events and what is remembered of its answer, in one transaction. */
  commit(
    settlement: Settlement,
    events: readonly NewDelivery[],
    { kept, stored }: Remembered = NOTHING_REMEMBERED,
  ): Promise<void> {
    const { row } = settlement
    const close = this.openCalls.closing(row.id)
    return this.#flush.enqueue(() => {
      this.#ledger.book(settlement)
      close()
      if (kept !== null) this.answers.keep(kept)
      if (stored !== null) this.responses.keep(stored)
      for (const event of events) this.#deliveryTable.add(event, row.settledAt)
    })
  }

  /** A response in the making, with its call, so that the next start knows of both. */
  begin(call: OpenCall, stored: StoredResponse): Promise<void> {
    const open = this.openCalls.opening(call)
    return this.#flush.enqueue(() => {
      open()
      this.responses.keep(stored)
    })
  }

  /** Makes known a set of prices that charges will name, so that each need not search for it. */
  addPrice(snapshot: string): Promise<number> {
    return this.#flush.attempt(
      () => this.#ledger.priceId(snapshot),
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
    return this.#ledger.tabs.spentOnModelSince(tab, model, since)
  }

  /** What a customer was charged in its current period and in those before it, newest first. */
  periodsOf(id: string, limit: number): readonly PeriodSpend[] | null {
    const known = this.findCustomer(id)
    if (known === null) return null
    const { periodOf, now } = this.#options
    return periodsOf(known, { limit, periodOf, now: now(), tabs: this.#ledger.tabs })
  }

  listCustomers(query: ListQuery): Promise<CustomerPage> {
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

  /** Makes a change of customers, and tells of it when it is committed. */
  #change<Result>(ids: readonly string[], write: () => Result): Promise<Result> {
    return this.#flush.attempt(write, () => {
      this.#ledger.opened.clear()
      this.#options.changed({ customers: ids })
    })
  }
}

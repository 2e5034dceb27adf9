import type { Limits } from '../ledger/budget.ts'
import {
  type BudgetedKey,
  type KeyProfile,
  NEW_KEY,
  type SecretMark,
  type VirtualKey,
} from '../ledger/key.ts'
import { minus, type Nanos, plus, ZERO } from '../ledger/money.ts'
import { WHOLE_LIFE } from '../ledger/period.ts'
import { correction } from '../ledger/settlement.ts'
import { budgetChanges } from './budget-changes.ts'
import type { BudgetTable } from './budgets.ts'
import type { PeriodOf } from './customers.ts'
import type { Flush } from './flush.ts'
import { type KeyQuery, type KeyTable, keyNotFound } from './keys.ts'
import type { LedgerTable } from './ledger.ts'

export type KeyChange = {
  /** Of `labels` only those that change. */
  readonly profile: Partial<KeyProfile>
  /** Own limits; null: none were given. */
  readonly limits: Partial<Limits> | null
  /** What the spend of this period shall be; null: as it is. */
  readonly spent: Nanos | null
}

/** A key that was changed: under which hash it was, and under which it is to be found now. */
export type KeyMove = { readonly from: string; readonly to: string }

/** Virtual keys, as the rest may ask of them. Each write queues for the flush loop. */
export type KeyStore = {
  find(hash: string): BudgetedKey | null
  findByAlias(alias: string): BudgetedKey | null
  list(query: KeyQuery): { keys: readonly BudgetedKey[]; total: number }
  /** Charged with a key for one model since a moment, milliseconds. */
  spentOnModelSince(id: number, model: string, since: number): Nanos
  /** Throws `conflict` for an alias or a secret that is taken, `not_found` for the budget. */
  create(mark: SecretMark, given: KeyChange): Promise<BudgetedKey>
  /** Changes what is given and nothing else; `mark` is a new secret. Throws as `create`. */
  update(hash: string, change: KeyChange, mark?: SecretMark): Promise<BudgetedKey>
  /** Marks them deleted; the ledger keeps their rows. An unknown one: `not_found`, none deleted. */
  remove(hashes: readonly string[]): Promise<void>
}

export function keyStore(parts: {
  readonly keys: KeyTable
  readonly budgets: BudgetTable
  readonly ledger: LedgerTable
  readonly flush: Flush
  readonly periodOf: PeriodOf
  readonly now: () => number
  readonly newId: () => string
  readonly changed: (keys: readonly KeyMove[]) => void
}): KeyStore {
  const { keys, ledger, flush, changed } = parts
  const budgetAfter = budgetChanges(parts)
  const find = (hash: string) => keys.find(hash, parts.now())

  const correct = (key: VirtualKey, { spent, now }: { spent: Nanos | null; now: number }) => {
    if (spent === null || spent === key.spent) return key
    const difference = minus(spent, key.spent)
    const on = { tab: null, customerId: null, keyId: key.id }
    const row = correction(on, { id: parts.newId(), difference, now })
    ledger.book({ row, after: null, key })
    return { ...key, spent, totalSpent: plus(key.totalSpent, difference) }
  }
  const apply = (known: BudgetedKey, change: KeyChange): BudgetedKey => {
    const now = parts.now()
    const { budgetId } = change.profile
    const budget = budgetAfter(known.budget, { budgetId, limits: change.limits })
    const labels = { ...known.key.labels, ...change.profile.labels }
    const profile = { ...change.profile, labels, budgetId: budget?.id ?? null }
    const key = { ...known.key, ...profile, updatedAt: now }
    keys.replace(key)
    const { start } = budget === null ? WHOLE_LIFE : parts.periodOf(budget, now)
    const spent = ledger.keys.spentSince(key.id, start)
    return { key: correct({ ...key, spent, periodStart: start }, { ...change, now }), budget }
  }
  const create = (mark: SecretMark, given: KeyChange): BudgetedKey => {
    const now = parts.now()
    const sums = { spent: ZERO, totalSpent: ZERO, periodStart: WHOLE_LIFE.start }
    const times = { createdAt: now, updatedAt: now }
    const key = { ...NEW_KEY, ...mark, id: keys.nextId(), ...sums, ...times }
    keys.insert(key)
    return apply({ key, budget: null }, given)
  }
  const update = (hash: string, change: KeyChange, mark: SecretMark | undefined): BudgetedKey => {
    const known = find(hash)
    if (known === null) throw keyNotFound('key')
    return apply({ ...known, key: { ...known.key, ...mark } }, change)
  }
  const remove = (hashes: readonly string[]) => {
    const found = [...new Set(hashes)].map((hash) => ({ hash, known: find(hash) }))
    const unknown = found.filter(({ known }) => known === null).map(({ hash }) => hash)
    if (unknown.length > 0) throw keyNotFound('keys', unknown.join(', '))
    for (const { known } of found) {
      keys.remove(known!.key.id, parts.now())
      budgetAfter(known!.budget, { budgetId: null, limits: null })
    }
  }
  const same = (hash: string): KeyMove => ({ from: hash, to: hash })

  return {
    find,
    findByAlias: (alias) => keys.findByAlias(alias, parts.now()),
    list: (query) => keys.list(query, parts.now()),
    spentOnModelSince: (id, model, since) => ledger.keys.spentOnModelSince(id, model, since),
    create: (mark, given) =>
      flush.attempt(
        () => create(mark, given),
        () => changed([same(mark.hash)]),
      ),
    update: (hash, change, mark) =>
      flush.attempt(
        () => update(hash, change, mark),
        () => changed([{ from: hash, to: mark?.hash ?? hash }]),
      ),
    remove: (hashes) =>
      flush.attempt(
        () => remove(hashes),
        () => changed(hashes.map(same)),
      ),
  }
}

import { Refusal } from '../errors.ts'
import type { BudgetedCustomer } from '../ledger/customer.ts'
import { toDollars, ZERO } from '../ledger/money.ts'
import type { Tab } from './customer-json.ts'

/** Credit that goes with the tabs of customers, dollars by their ids. */
export const creditLeft = (
  ids: readonly string[],
  customers: { findCustomer(id: string): BudgetedCustomer | null },
): Record<string, number> =>
  Object.fromEntries(
    ids.flatMap((id) => {
      const balance = customers.findCustomer(id)?.customer.credit?.balance ?? ZERO
      return balance === ZERO ? [] : [[id, toDollars(balance)]]
    }),
  )

/** A wallet is not taken away under calls that are held on it. Throws `in_use`. */
export function refuseHeldWallet(id: string, { heldCredit }: Pick<Tab, 'heldCredit'>) {
  if (heldCredit(id) === ZERO) return
  const message = `The wallet of End User=${id} is held for calls in flight; try again after them.`
  throw new Refusal('in_use', message, { param: 'wallet' })
}

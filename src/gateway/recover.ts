import type { Budget } from '../ledger/budget.ts'
import type { KeptAnswer, OpenCall } from '../ledger/open-call.ts'
import type { Settlement } from '../ledger/settlement.ts'
import { logWarning } from '../log.ts'
import type { Accounts } from './accounts.ts'
import { interruptedRow } from './settle.ts'

/**
 * Settles what an earlier process left under way when it died: each call as `interrupted`, at what
 * it had delivered by its last checkpoint. To be done before the first call is taken.
 *
 * Together with the rule that an answer ends after its charge is on disk, that leaves no call out:
 * who has an answer whole was charged for it, once, and who has a part is charged for it but for
 * what came in the last second.
 */
export async function recover(parts: {
  readonly left: readonly OpenCall[]
  readonly accounts: Accounts
  readonly commit: (
    settlement: Settlement,
    budget: Budget | null,
    kept: KeptAnswer | null,
  ) => Promise<void>
  readonly now: () => number
}): Promise<void> {
  const { left, accounts, commit, now } = parts
  if (left.length === 0) return
  logWarning('calls were under way when the server died; they are settled as interrupted', {
    calls: left.length,
  })
  await Promise.all(
    left.map((open) => {
      const row = interruptedRow(open, now())
      const { settlement, budget } = accounts.book(row)
      return commit(settlement, budget, keptOf(open, row.settledAt))
    }),
  )
}

/** Who repeats a call that was charged in part would be charged twice; so it is remembered. */
function keptOf({ id, repeat, output }: OpenCall, answeredAt: number): KeptAnswer | null {
  if (repeat === null || output === 0) return null
  return { ...repeat, callId: id, body: null, headers: {}, answeredAt }
}

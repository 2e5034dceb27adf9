import type { Budget } from '../ledger/budget.ts'
import {
  hasDelivered,
  type KeptAnswer,
  type OpenCall,
  type Remembered,
} from '../ledger/open-call.ts'
import type { Settlement } from '../ledger/settlement.ts'
import type { StoredResponse } from '../ledger/stored-response.ts'
import { logWarning } from '../log.ts'
import { RESPONSES_WIRE } from '../metering/responses-wire.ts'
import { inputTokens, outputTokens, type Usage } from '../metering/usage.ts'
import type { Accounts } from './accounts.ts'
import { callOff } from './background.ts'
import type { Deployments } from './deployments.ts'
import { interruptedRow } from './settle.ts'

/**
 * Settles what an earlier process left under way when it died: each call as `interrupted`, at what
 * it had delivered by its last checkpoint. A response that is made in the background is called off,
 * and charged for as its upstream says. To be done before the first call is taken.
 *
 * Together with the rule that an answer ends after its charge is on disk, that leaves no call out:
 * who has an answer whole was charged for it, once, and who has a part is charged for it but for
 * what came in the last second.
 */
export async function recover(parts: {
  readonly left: readonly OpenCall[]
  /** Responses in the making, by the id of their call. */
  readonly unfinished: ReadonlyMap<string, StoredResponse>
  readonly deployments: Deployments
  readonly accounts: Accounts
  readonly commit: (
    settlement: Settlement,
    budget: Budget | null,
    remembered: Remembered,
  ) => Promise<void>
  readonly now: () => number
}): Promise<void> {
  const { left, unfinished, deployments, accounts, commit, now } = parts
  if (left.length === 0) return
  logWarning('calls were under way when the server died; they are settled as interrupted', {
    calls: left.length,
  })
  await Promise.all(
    left.map(async (open) => {
      const stored = unfinished.get(open.id) ?? null
      const reported = stored === null ? null : await reportedOf(stored, deployments)
      const row = interruptedRow(open, reported, now())
      const { settlement, budget } = accounts.book(row, open)
      const context = reported === null ? 0 : inputTokens(reported) + outputTokens(reported)
      const done = stored === null ? null : { ...stored, context }
      return commit(settlement, budget, { kept: keptOf(open, row.settledAt), stored: done })
    }),
  )
}

/** What a response in the making has come to; null: nobody can say any more. */
async function reportedOf(
  { id, deployment: name }: StoredResponse,
  deployments: Deployments,
): Promise<Usage | null> {
  const deployment = deployments.byId(name)
  const json = deployment === null ? null : await callOff({ deployment, id })
  const usage = json === null ? null : RESPONSES_WIRE.usageOf(json)
  if (usage === null) {
    const what =
      'a response was being made when the server died, and its upstream says nothing of it'
    logWarning(`${what}: it is charged nothing`, { response: id, deployment: name })
  }
  return usage
}

/** Who repeats a call that was charged in part would be charged twice; so it is remembered. */
function keptOf(open: OpenCall, answeredAt: number): KeptAnswer | null {
  const { id, repeat } = open
  if (repeat === null || !hasDelivered(open)) return null
  return { ...repeat, callId: id, body: null, headers: {}, answeredAt }
}

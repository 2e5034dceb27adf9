import { useState } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import { ApiError, messageOf, post } from '../api.ts'
import { Confirm } from '../dialog.tsx'
import { Problem, useAct } from '../form.tsx'
import type { Budget } from './customer-parts.tsx'

const CONFLICT = 409

/** Deletes a tier. While anyone is on it the server refuses, and then there is a choice. */
export function DeleteBudget({
  of: { budget_id: id },
  onClose,
}: {
  readonly of: Budget
  readonly onClose: () => void
}) {
  const act = useAct()
  const { route } = useLocation()
  const [refusal, setRefusal] = useState<string | null>(null)
  const remove = async () => {
    try {
      await post('/budget/delete', { id, force: refusal !== null })
    } catch (error) {
      const isInUse = error instanceof ApiError && error.status === CONFLICT
      if (refusal !== null || !isInUse) throw error
      setRefusal(messageOf(error))
      return
    }
    route('/ui/budgets')
  }
  return (
    <Confirm
      title={`Delete ${id}?`}
      action={refusal === null ? 'Delete' : 'Delete it, and leave them without a budget'}
      isBusy={act.isBusy}
      onConfirm={() => act.run(remove)}
      onClose={onClose}
    >
      {refusal === null ? (
        <p>This cannot be undone. It is refused while customers or keys are on it.</p>
      ) : (
        <>
          <Problem text={refusal} />
          <p>
            Move its customers to another tier first, on their own pages. Or delete it all the same:
            who is on it is left without a budget, and{' '}
            <strong>nothing limits what they spend</strong> unless the server's config has a
            default.
          </p>
        </>
      )}
      <Problem text={act.problem} />
    </Confirm>
  )
}

import { messageOf } from '../api.ts'
import type { LimitValues } from '../limits.ts'
import { Distance, Time } from '../parts.tsx'
import { useData, useSettled } from '../use-data.ts'

/** When a budget of these values would reset; what is wrong with them, in the server's words. */
export function ResetPreview({
  values: { budget_duration, timezone, week_start, day_of_month },
  budgetId,
}: {
  readonly values: LimitValues
  readonly budgetId: string | null
}) {
  const duration = useSettled(budget_duration.trim())
  const zone = useSettled(timezone.trim())
  const day = useSettled(day_of_month.trim())
  const asked = {
    budget_id: budgetId,
    budget_duration: duration,
    timezone: zone || null,
    week_start: week_start || null,
    day_of_month: day || null,
  }
  const reset = useData<{ budget_reset_at: string | null }>(
    duration === '' ? null : '/budget/reset',
    asked,
  )
  if (duration === '' || reset.isLoading) return null
  return (
    <output class="preview">
      {reset.error !== null ? (
        <span class="error">{messageOf(reset.error)}</span>
      ) : (
        <Reset at={reset.data?.budget_reset_at ?? null} />
      )}
    </output>
  )
}

const Reset = ({ at }: { readonly at: string | null }) =>
  at === null ? (
    <>It would never reset.</>
  ) : (
    <>
      Next reset: <Distance to={at} />, <Time at={at} />.
    </>
  )

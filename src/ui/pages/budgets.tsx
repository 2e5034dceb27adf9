import { useState } from 'preact/hooks'
import { post } from '../api.ts'
import { Dialog } from '../dialog.tsx'
import { Field, FormEnd, useForm } from '../form.tsx'
import { type LimitValues, limitsJson, NO_LIMITS } from '../limits.ts'
import { Copy, Count, Distance, Empty, LoadProblem, PageHead, Section } from '../parts.tsx'
import { useIsAdmin } from '../session.tsx'
import { type Column, Table } from '../table.tsx'
import { useData } from '../use-data.ts'
import { countJson, MoneyFields, type MoneyValues, moneyValues } from './budget-money.tsx'
import { withCard } from './card-form.tsx'
import { type Budget, budgetAddress } from './customer-parts.tsx'
import { LimitList } from './limit-list.tsx'
import { LimitFields } from './limits-form.tsx'

/** The pricing tiers: limits that many customers can be on. */
export function Budgets() {
  const budgets = useData<readonly Budget[]>('/budget/list')
  const [isMaking, setMaking] = useState(false)
  const isAdmin = useIsAdmin()
  return (
    <>
      <PageHead title="Budgets">
        {isAdmin && (
          <button type="button" class="primary" onClick={() => setMaking(true)}>
            + Create Budget
          </button>
        )}
      </PageHead>
      <Section title="Pricing tiers">
        <LoadProblem error={budgets.error} onRetry={budgets.reload} />
        {budgets.data !== undefined &&
          (budgets.data.length === 0 ? (
            <Empty title="There are no budgets yet.">
              <p>
                A budget is a limit that many customers can be on: a pricing tier. Make one with the
                button above, or with this:
              </p>
              <Copy label="A command that makes a budget" text={curl()} />
            </Empty>
          ) : (
            <Table
              label="Budgets"
              columns={COLUMNS}
              rows={budgets.data}
              keyOf={(row) => row.budget_id}
              isLoading={budgets.isLoading}
            />
          ))}
      </Section>
      {isMaking && (
        <NewBudget
          onClose={() => setMaking(false)}
          onMade={() => {
            setMaking(false)
            budgets.reload()
          }}
        />
      )}
    </>
  )
}

const COLUMNS: readonly Column<Budget>[] = [
  { name: 'Budget', cell: (row) => <a href={budgetAddress(row.budget_id)}>{row.budget_id}</a> },
  { name: 'Limits', cell: (row) => <LimitList of={row} /> },
  {
    name: 'Resets',
    cell: ({ budget_reset_at: at }) =>
      at === null ? <span class="muted">never</span> : <Distance to={at} />,
  },
  {
    name: 'Customers',
    isNumber: true,
    cell: ({ customers }) => (customers === undefined ? '' : <Count of={customers} />),
  },
]

const curl = () =>
  `curl ${location.origin}/budget/new -H "Authorization: Bearer $KEY" \\
  -H "Content-Type: application/json" \\
  -d '{"budget_id": "pro", "max_budget": 100, "budget_duration": "30d"}'`

function NewBudget({
  onClose,
  onMade,
}: {
  readonly onClose: () => void
  readonly onMade: () => void
}) {
  const form = useForm<LimitValues & MoneyValues & { readonly budget_id: string }>({
    budget_id: '',
    ...NO_LIMITS,
    ...moneyValues(null),
  })
  const make = form.submit((values) =>
    withCard(values, async (rate_card) => {
      await post('/budget/new', {
        budget_id: values.budget_id.trim() === '' ? null : values.budget_id,
        ...limitsJson(values),
        rate_card,
        count: countJson(values),
      })
      onMade()
    }),
  )
  return (
    <Dialog title="Create budget" onClose={onClose}>
      <form class="stack" onSubmit={make}>
        <Field
          label="Budget ID"
          hint="What customers are put on it by. It cannot be changed later. Empty: one is made up."
          error={form.errorOf('budget_id')}
        >
          {(ids) => (
            <input
              {...ids}
              autocomplete="off"
              spellcheck={false}
              value={form.values.budget_id}
              onInput={(event) => form.set({ budget_id: event.currentTarget.value })}
            />
          )}
        </Field>
        <LimitFields form={form} budgetId={null} />
        <MoneyFields form={form} />
        <FormEnd form={form} action="Create" onClose={onClose} />
      </form>
    </Dialog>
  )
}

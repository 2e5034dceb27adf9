import { Distance, Empty, Money, Section, Time } from './parts.tsx'
import type { Credit } from './portal-data.ts'
import { type Column, Table } from './table.tsx'

type Grant = Credit['grants'][number]

/** What a customer has paid in advance: what is left, when it ends, and where there is more. */
export function CreditLeft({ of }: { readonly of: Credit }) {
  const soonest = of.grants.flatMap(({ expires_at: at }) => at ?? []).sort()[0]
  const topUp = of.top_up_url !== null && (
    <a class="button" href={of.top_up_url} target="_blank" rel="noreferrer">
      Top up
    </a>
  )
  return (
    <Section title="Credit" actions={topUp}>
      <p class="balance">
        <Money of={of.balance} />
      </p>
      <p class="muted">
        {of.held > 0 && (
          <>
            <Money of={of.held} /> of it set aside for calls under way.{' '}
          </>
        )}
        {of.balance <= 0 && 'Calls are refused until there is more. '}
        {soonest !== undefined && (
          <>
            The next of it ends <Distance to={soonest} />.
          </>
        )}
      </p>
      {of.grants.length === 0 ? (
        <Empty title="There is no credit left." />
      ) : (
        <Table
          label="Credit, in the order in which it is used"
          rows={of.grants}
          keyOf={(grant) => String(of.grants.indexOf(grant))}
          columns={COLUMNS}
        />
      )}
    </Section>
  )
}

const COLUMNS: readonly Column<Grant>[] = [
  { name: 'Left', isNumber: true, cell: ({ remaining }) => <Money of={remaining} /> },
  { name: 'Of', isNumber: true, cell: ({ amount }) => <Money of={amount} /> },
  {
    name: 'Ends',
    cell: ({ expires_at: at }) => (at === null ? 'never' : <Time at={at} />),
  },
]

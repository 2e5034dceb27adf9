import { useState } from 'preact/hooks'
import { post } from '../api.ts'
import { Problem, useAct } from '../form.tsx'
import { Distance, Empty, Figure, LoadProblem, Money, Section, Time } from '../parts.tsx'
import { useIsAdmin } from '../session.tsx'
import { type Column, Table } from '../table.tsx'
import { useChange, useData } from '../use-data.ts'
import { AdjustCredit, GrantCredit, RefundCredit } from './credit-acts.tsx'
import { CreditHistory } from './credit-history.tsx'
import type { Customer } from './customer-parts.tsx'

/** One of a wallet's grants that have something left. */
export type Grant = {
  readonly id: string
  readonly amount: number
  readonly remaining: number
  readonly priority: number
  readonly expires_at: string | null
  readonly reason: string | null
  readonly created_at: string
}

/** `GET /customer/credit/balance`. */
type Balance = {
  readonly balance: number
  readonly held: number
  readonly available: number
  readonly next_expiry: string | null
  /** In the order of use. */
  readonly grants: readonly Grant[]
}

type About = { readonly of: Customer; readonly onChange: () => void }
type Act = 'grant' | 'adjust' | 'refund'

const ACTS = [
  ['grant', 'Grant'],
  ['adjust', 'Adjust'],
  ['refund', 'Refund'],
] as const

/** What a customer has paid in advance, how that came about, and what can be done with it. */
export function CustomerCredit({ of, onChange }: About) {
  const { user_id: id, credit } = of
  const found = useData<Balance>(credit === null ? null : '/customer/credit/balance', {
    end_user_id: id,
  })
  useChange(`${credit?.balance} ${credit?.held}`, found.reload)
  const [open, setOpen] = useState<Act | null>(null)
  const isAdmin = useIsAdmin()
  const about = { id, onChange, onClose: () => setOpen(null) }
  const grants = found.data?.grants ?? []
  return (
    <Section
      title="Credit"
      actions={
        isAdmin && (
          <div class="actions">
            {ACTS.filter(([act]) => act === 'grant' || credit !== null).map(([act, text]) => (
              <button key={act} type="button" onClick={() => setOpen(act)}>
                {text}
              </button>
            ))}
          </div>
        )
      }
    >
      {credit === null ? (
        <NoWallet of={of} onChange={onChange} />
      ) : (
        <>
          <LoadProblem error={found.error} onRetry={found.reload} />
          {found.data !== undefined && <InIt of={found.data} />}
          <CreditHistory id={id} balance={credit.balance} />
        </>
      )}
      {open === 'grant' && <GrantCredit {...about} />}
      {open === 'adjust' && <AdjustCredit {...about} />}
      {open === 'refund' && <RefundCredit {...about} grants={grants} />}
    </Section>
  )
}

function NoWallet({ of: { user_id }, onChange }: About) {
  const isAdmin = useIsAdmin()
  const act = useAct()
  const make = () => post('/customer/update', { user_id, wallet: true }).then(onChange)
  return (
    <Empty title="It pays nothing in advance.">
      <p>
        With a wallet, its calls are charged to credit, and refused when there is not enough of it.
        The first grant opens one.
      </p>
      {isAdmin && (
        <button type="button" disabled={act.isBusy} onClick={() => act.run(make)}>
          Open an empty wallet
        </button>
      )}
      <Problem text={act.problem} />
    </Empty>
  )
}

function InIt({ of }: { readonly of: Balance }) {
  const { next_expiry: next } = of
  return (
    <>
      <dl class="figures">
        <Figure name="Balance" note={of.balance < 0 ? 'overdrawn' : undefined}>
          <Money of={of.balance} />
        </Figure>
        <Figure name="Held of it" note="for calls in flight">
          <Money of={of.held} />
        </Figure>
        <Figure name="Available">
          <Money of={of.available} />
        </Figure>
        <Figure name="Next expiry" note={next === null ? undefined : <Time at={next} />}>
          {next === null ? 'none' : <Distance to={next} />}
        </Figure>
      </dl>
      <h3>Grants, in the order of use</h3>
      {of.grants.length === 0 ? (
        <Empty title="Nothing is left of any grant." />
      ) : (
        <Table label="Grants" columns={COLUMNS} rows={of.grants} keyOf={({ id }) => id} />
      )}
    </>
  )
}

const COLUMNS: readonly Column<Grant>[] = [
  { name: 'Left', isNumber: true, cell: ({ remaining }) => <Money of={remaining} /> },
  { name: 'Of', isNumber: true, cell: ({ amount }) => <Money of={amount} /> },
  { name: 'Expires', cell: ({ expires_at: at }) => (at === null ? 'never' : <Time at={at} />) },
  { name: 'Priority', isNumber: true, cell: ({ priority }) => priority },
  { name: 'Reason', cell: ({ reason }) => reason ?? '' },
  { name: 'Granted', cell: ({ created_at }) => <Time at={created_at} /> },
]

import { useState } from 'preact/hooks'
import { address, post } from '../api.ts'
import { Dialog } from '../dialog.tsx'
import { FormEnd, useForm } from '../form.tsx'
import { monthName, monthsSince } from '../months.ts'
import { LoadProblem, Section } from '../parts.tsx'
import { cardValues, type RateCard } from '../rate-card.ts'
import { useIsAdmin } from '../session.tsx'
import { useData, usePreview } from '../use-data.ts'
import { CardFields, withCard } from './card-form.tsx'
import { CardWords } from './card-words.tsx'
import type { Customer } from './customer-parts.tsx'

type About = { readonly of: Customer; readonly onChange: () => void }

/** By what card a customer is charged, and what it is told of that. */
export const CustomerBilling = ({ of, onChange }: About) => (
  <div class="columns">
    <Card of={of} onChange={onChange} />
    <Statement of={of} />
  </div>
)

function Card({ of, onChange }: About) {
  const [isOpen, setOpen] = useState(false)
  const isAdmin = useIsAdmin()
  const { user_id: id, rate_card: own, litellm_budget_table: budget } = of
  const edit = isAdmin && (
    <button type="button" onClick={() => setOpen(true)}>
      Change rate card
    </button>
  )
  return (
    <Section title="Rate card" actions={edit}>
      {own !== null && <Whose card={own}>Its own</Whose>}
      {own === null && budget?.rate_card != null && (
        <Whose card={budget.rate_card}>That of its budget</Whose>
      )}
      {own === null && budget?.rate_card == null && <ByDefault id={id} />}
      {budget?.count === 'cost' && (
        <p class="hint">Its budget and spend count what calls cost, not what they are charged.</p>
      )}
      {isOpen && <ChangeCard of={of} onChange={onChange} onClose={() => setOpen(false)} />}
    </Section>
  )
}

const Whose = ({ card, children }: { readonly card: RateCard; readonly children: string }) => (
  <dl class="keyed">
    <dt>Whose</dt>
    <dd>{children}</dd>
    <dt>Charged</dt>
    <dd>
      <CardWords of={card} />
    </dd>
  </dl>
)

/** The server's, which is known by what a call would be charged by. */
function ByDefault({ id }: { readonly id: string }) {
  const served = useData<{ data: readonly { id: string }[] }>('/models')
  const model = served.data?.data[0]?.id
  const asked = model === undefined ? null : { model, user: id }
  const quote = usePreview<{ rate_card_version: number | null }>('/price/quote', asked)
  const version = quote.data?.rate_card_version ?? null
  const card = useData<{ rate_card: RateCard }>(version === null ? null : '/rate_card/info', {
    version,
  })
  if (quote.error !== null) return <LoadProblem error={quote.error} onRetry={quote.reload} />
  if (version === null) return <p class="muted">None: it is charged what its calls cost.</p>
  if (card.data === undefined) return <LoadProblem error={card.error} onRetry={card.reload} />
  return <Whose card={card.data.rate_card}>{`The server's default, version ${version}`}</Whose>
}

function ChangeCard({ of, onChange, onClose }: About & { readonly onClose: () => void }) {
  const form = useForm(cardValues(of.rate_card))
  const save = form.submit((values) =>
    withCard(values, async (rate_card) => {
      await post('/customer/update', { user_id: of.user_id, rate_card })
      onChange()
      onClose()
    }),
  )
  return (
    <Dialog title="Change the rate card" onClose={onClose}>
      <form class="stack" onSubmit={save}>
        <CardFields form={form} without="That of its budget holds, or else the server's default." />
        <FormEnd form={form} action="Save" onClose={onClose} />
      </form>
    </Dialog>
  )
}

const MONTHS_MAX = 24

function Statement({ of }: { readonly of: Customer }) {
  const months = monthsSince(of.created_at, Date.now(), MONTHS_MAX)
  const [period, setPeriod] = useState(months[0]!)
  const link = (format: string) =>
    address('/customer/statement', { end_user_id: of.user_id, period, format })
  return (
    <Section title="Statement">
      <p class="muted">
        What it used and was charged by day and model, with every movement of its credit: for the
        customer, so without what that cost you.
      </p>
      <div class="actions">
        <label>
          Month (UTC){' '}
          <select value={period} onChange={(event) => setPeriod(event.currentTarget.value)}>
            {months.map((month) => (
              <option key={month} value={month}>
                {monthName(month)}
              </option>
            ))}
          </select>
        </label>
        <a class="button" href={link('html')} target="_blank" rel="noreferrer">
          Open to print
        </a>
        <a class="button" download href={link('csv')}>
          Statement as CSV
        </a>
      </div>
    </Section>
  )
}

import { Field, type Form } from '../form.tsx'
import { type CardValues, cardValues } from '../rate-card.ts'
import { CardFields } from './card-form.tsx'
import { CardWords } from './card-words.tsx'
import type { Budget } from './customer-parts.tsx'

/** What a tier says of money besides its limits, as typed. */
export type MoneyValues = CardValues & {
  /** Empty: as the server has it, the charge. */
  readonly count: '' | 'charge' | 'cost'
}

/** What to put into a form to change a tier; null: to make one. */
export const moneyValues = (of: Budget | null): MoneyValues => ({
  ...cardValues(of?.rate_card ?? null),
  count: of?.count ?? '',
})

/** As the server takes it. */
export const countJson = ({ count }: MoneyValues) => (count === '' ? null : count)

/** What customers of a tier are charged, and what of it counts on their budget. */
export const MoneyFields = ({
  form,
}: {
  readonly form: Pick<Form<MoneyValues>, 'values' | 'set' | 'errorOf'>
}) => (
  <>
    <CardFields form={form} without="Whoever is on it is charged by the server's default." />
    <Field
      label="Counts"
      hint="What of a call counts on the budget and as spend."
      error={form.errorOf('count')}
    >
      {(ids) => (
        <select
          {...ids}
          value={form.values.count}
          onChange={(event) =>
            form.set({ count: event.currentTarget.value as MoneyValues['count'] })
          }
        >
          <option value="">the charge, by default</option>
          <option value="charge">the charge</option>
          <option value="cost">the cost</option>
        </select>
      )}
    </Field>
  </>
)

/** The same in words, as terms of a list. */
export const MoneyWords = ({ of }: { readonly of: Budget }) => (
  <>
    <dt>Rate card</dt>
    <dd>{of.rate_card === null ? "the server's default" : <CardWords of={of.rate_card} />}</dd>
    <dt>Counts</dt>
    <dd>{of.count === 'cost' ? 'what calls cost' : 'what they are charged'}</dd>
  </>
)

import { ApiError } from '../api.ts'
import { Field, type Form } from '../form.tsx'
import { type CardValues, cardJson } from '../rate-card.ts'

type CardForm = Pick<Form<CardValues>, 'values' | 'set' | 'errorOf'>

type TextName = Exclude<keyof CardValues, 'has_card' | 'free_unit'>

/** Which field of the form a field of the card is typed into, where they are named differently. */
const FIELDS: Readonly<Record<string, TextName>> = {
  free_allowance: 'free_amount',
  currency: 'currency_code',
}

/**
 * Sends a card, and says what is wrong with it at the field of the form that it was typed into:
 * the server names the card's own. Throws `ApiError`.
 */
export async function withCard<Answer>(
  values: CardValues,
  send: (card: Record<string, unknown> | null) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await send(cardJson(values))
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new ApiError(400, `This is not JSON: ${error.message}`, 'prices')
    }
    const [, name] =
      error instanceof ApiError ? (/^rate_card\.(\w+)/.exec(error.param ?? '') ?? []) : []
    if (name === undefined || !(error instanceof ApiError)) throw error
    throw new ApiError(error.status, error.message, FIELDS[name] ?? name, error.type)
  }
}

/** A rate card, or none of its own; each part explained where it is typed. */
export function CardFields({
  form,
  without,
}: {
  readonly form: CardForm
  /** What holds when there is none. */
  readonly without: string
}) {
  const { values, set } = form
  return (
    <fieldset class="group">
      <legend>Rate card</legend>
      <label>
        <input
          type="checkbox"
          checked={values.has_card}
          onChange={(event) => set({ has_card: event.currentTarget.checked })}
        />{' '}
        A rate card of its own
      </label>
      {values.has_card ? <Parts form={form} /> : <p class="hint">{without}</p>}
    </fieldset>
  )
}

function Parts({ form }: { readonly form: CardForm }) {
  const { values, set, errorOf } = form
  return (
    <>
      <p class="hint">It counts for calls from then on; rows in the ledger stay as they are.</p>
      <div class="pair">
        <CardText
          form={form}
          name="markup_percent"
          label="Markup"
          hint="Percent on the cost, from −100. Empty: none."
        />
        <CardText
          form={form}
          name="fee_per_call"
          label="Fee for each call"
          hint="Dollars. Empty: none."
        />
        <CardText
          form={form}
          name="minimum_per_call"
          label="Least for a call"
          hint="Dollars, the fee in it. Empty: none."
        />
        <CardText
          form={form}
          name="free_amount"
          label="Free each month"
          hint="Calendar months of UTC. Empty: nothing is free."
        />
        <Field label="Free are" hint="What the allowance counts.">
          {(ids) => (
            <select
              {...ids}
              value={values.free_unit}
              onChange={({ currentTarget: { value } }) =>
                set({ free_unit: value === 'dollars' ? 'dollars' : 'tokens' })
              }
            >
              <option value="tokens">tokens</option>
              <option value="dollars">dollars of charges</option>
            </select>
          )}
        </Field>
        <CardText
          form={form}
          name="currency_code"
          label="Currency"
          hint="Shown on statements, such as EUR; the books stay in dollars. Empty: none."
        />
        <CardText
          form={form}
          name="currency_rate"
          label="Of it to the dollar"
          hint="Such as 0.92."
        />
      </div>
      <Field
        label="Prices"
        hint={
          'In place of the cost, by model, as JSON: dollars for one token, such as ' +
          '{"gpt-4o": {"input_cost_per_token": 0.000003, "output_cost_per_token": 0.000012}}. ' +
          'Empty: none.'
        }
        error={errorOf('prices')}
      >
        {(ids) => (
          <textarea
            {...ids}
            rows={3}
            spellcheck={false}
            value={values.prices}
            onInput={(event) => set({ prices: event.currentTarget.value })}
          />
        )}
      </Field>
    </>
  )
}

const CardText = ({
  form: { values, set, errorOf },
  name,
  label,
  hint,
}: {
  readonly form: CardForm
  readonly name: TextName
  readonly label: string
  readonly hint: string
}) => (
  <Field label={label} hint={hint} error={errorOf(name)}>
    {(ids) => (
      <input
        {...ids}
        inputMode={name === 'currency_code' ? 'text' : 'decimal'}
        autocomplete="off"
        spellcheck={false}
        value={values[name]}
        onInput={(event) => set({ [name]: event.currentTarget.value })}
      />
    )}
  </Field>
)

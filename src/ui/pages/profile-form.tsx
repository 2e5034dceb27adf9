import { ApiError } from '../api.ts'
import { Field, type Form } from '../form.tsx'
import { useData } from '../use-data.ts'

/** What a form says of a customer beside its id and its budget, as typed. */
export type Profile = {
  readonly alias: string
  readonly default_model: string
  readonly allowed_model_region: string
  readonly metadata: string
}

export const NO_PROFILE: Profile = {
  alias: '',
  default_model: '',
  allowed_model_region: '',
  metadata: '',
}

const text = (value: string) => (value.trim() === '' ? null : value.trim())

/** As the server takes it. Throws `ApiError` for metadata that is no JSON. */
export const profileJson = (profile: Profile) => ({
  alias: text(profile.alias),
  default_model: text(profile.default_model),
  allowed_model_region: text(profile.allowed_model_region),
  metadata: metadataOf(profile.metadata),
})

function metadataOf(typed: string): unknown {
  if (typed.trim() === '') return null
  try {
    return JSON.parse(typed)
  } catch (error) {
    throw new ApiError(400, `This is not JSON: ${(error as Error).message}`, 'metadata')
  }
}

type ProfileForm = Pick<Form<Profile>, 'values' | 'set' | 'errorOf'>

export function ProfileFields({ form }: { readonly form: ProfileForm }) {
  const { values, set, errorOf } = form
  const isOpen = (['default_model', 'allowed_model_region', 'metadata'] as const).some(
    (name) => values[name] !== '' || errorOf(name) !== null,
  )
  return (
    <>
      <Field label="Alias" hint="A name for people. Empty: none." error={errorOf('alias')}>
        {(ids) => (
          <input
            {...ids}
            autocomplete="off"
            value={values.alias}
            onInput={(event) => set({ alias: event.currentTarget.value })}
          />
        )}
      </Field>
      <details open={isOpen}>
        <summary>Metadata, its model, its region</summary>
        <div class="stack">
          <Field
            label="Metadata"
            hint={
              'Anything of your own, as a JSON object such as {"plan": "yearly"}. Kept, ' +
              'never read.'
            }
            error={errorOf('metadata')}
          >
            {(ids) => (
              <textarea
                {...ids}
                rows={3}
                spellcheck={false}
                value={values.metadata}
                onInput={(event) => set({ metadata: event.currentTarget.value })}
              />
            )}
          </Field>
          <Calls form={form} />
        </div>
      </details>
    </>
  )
}

/** What is said of its calls. */
function Calls({ form: { values, set, errorOf } }: { readonly form: ProfileForm }) {
  const served = useData<{ data: readonly { id: string }[] }>('/models')
  const models = served.data?.data.map(({ id }) => id) ?? []
  const known = new Set([...models, values.default_model].filter((model) => model !== ''))
  return (
    <div class="pair">
      <Field
        label="Default model"
        hint="For its calls that ask for none."
        error={errorOf('default_model')}
      >
        {(ids) => (
          <select
            {...ids}
            value={values.default_model}
            onChange={(event) => set({ default_model: event.currentTarget.value })}
          >
            <option value="">none</option>
            {[...known].map((model) => (
              <option key={model} value={model}>
                {model}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field
        label="Region"
        hint={
          'That its calls must stay in: eu, us, or any that a deployment states. ' + 'Empty: any.'
        }
        error={errorOf('allowed_model_region')}
      >
        {(ids) => (
          <input
            {...ids}
            autocomplete="off"
            value={values.allowed_model_region}
            onInput={(event) => set({ allowed_model_region: event.currentTarget.value })}
          />
        )}
      </Field>
    </div>
  )
}

import { useId } from 'preact/hooks'
import { useData, useSettled } from '../use-data.ts'
import type { Customer } from './customer-parts.tsx'

const SUGGESTED = 8
const ID_LENGTH_MAX = 256

/** Takes the id of a customer, and suggests those that there are; any other may be typed. */
export function CustomerInput({
  value,
  onValue,
  ...attributes
}: {
  readonly value: string
  readonly onValue: (id: string) => void
  readonly id?: string
  readonly placeholder?: string
  readonly 'aria-label'?: string
}) {
  const listId = useId()
  const search = useSettled(value.trim())
  const query = { search: search === '' ? undefined : search, page_size: SUGGESTED }
  const { data = [] } = useData<readonly Customer[]>('/customer/list', query)
  return (
    <>
      <input
        {...attributes}
        list={listId}
        value={value}
        maxLength={ID_LENGTH_MAX}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      <datalist id={listId}>
        {data.map(({ user_id, alias }) => (
          <option key={user_id} value={user_id}>
            {alias ?? ''}
          </option>
        ))}
      </datalist>
    </>
  )
}

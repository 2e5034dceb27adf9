import * as Type from 'typebox'
import { given, Id, pageField } from './fields.ts'
import { named } from './operation.ts'
import { checked } from './schema.ts'

/** What a list can be sorted by, by LiteLLM's names. */
const SORTS = ['created_at', 'updated_at', 'spend', 'max_budget', 'token', 'key_alias'] as const
const PAGE_SIZE = 10
const PAGE_SIZE_MAX = 100

/** A page of keys: which of them, and in what order. */
export type KeyQuery = {
  /** From 1. */
  readonly page: number
  readonly pageSize: number
  readonly alias: string | null
  readonly hash: string | null
  readonly customerId: string | null
  /** A part of the alias, the customer's id, or what may be shown of the key. Null: all. */
  readonly search: string | null
  /** By their JSON names; only keys that have all of these. */
  readonly labels: Readonly<Record<string, string>>
  readonly sort: (typeof SORTS)[number]
  readonly descending: boolean
}

const noEffect = (name: string) =>
  Type.Optional(
    Type.Boolean({
      description: `LiteLLM's ${name}: no effect, as the list has all keys.`,
      examples: [false],
    }),
  )

const KeyListFields = Type.Object(
  {
    page: pageField,
    size: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: PAGE_SIZE_MAX,
        description: `Keys on a page, ${PAGE_SIZE} by default.`,
        examples: [PAGE_SIZE],
      }),
    ),
    return_full_object: Type.Optional(
      Type.Boolean({
        description: 'Whole keys, and not their hashes alone.',
        examples: [true],
      }),
    ),
    key_alias: Type.Optional(
      Id({ description: 'Only the key of this alias.', examples: ['backend'] }),
    ),
    key_hash: Type.Optional(
      Id({ description: 'Only the key of this hash.', examples: ['88dc28d0f030'] }),
    ),
    customer_id: Type.Optional(
      Id({ description: 'Only keys that are bound to this customer.', examples: ['alice'] }),
    ),
    search: Type.Optional(
      Type.String({
        maxLength: 256,
        description:
          'Only keys with this in their alias, in the id of their customer, or in what may be ' +
          'shown of them (`key_name`: its last four characters).',
        examples: ['back'],
      }),
    ),
    user_id: Type.Optional(
      Id({ description: "Only keys of this internal user of LiteLLM's.", examples: ['ours'] }),
    ),
    team_id: Type.Optional(
      Id({ description: "Only keys of this team of LiteLLM's.", examples: ['ours'] }),
    ),
    sort_by: Type.Optional(
      Type.Enum([...SORTS], {
        type: 'string',
        description: 'What to sort by; `created_at` by default.',
        examples: ['spend'],
      }),
    ),
    sort_order: Type.Optional(
      Type.Enum(['asc', 'desc'], {
        type: 'string',
        description: 'Ascending or descending (the default).',
        examples: ['desc'],
      }),
    ),
    include_team_keys: noEffect('include_team_keys'),
    include_created_by_keys: noEffect('include_created_by_keys'),
  },
  { additionalProperties: false },
)

type KeyListFields = Type.Static<typeof KeyListFields>

/** The query of `/key/list`. */
export const KeyListQuery = checked(KeyListFields)

export const readKeyQuery = (fields: KeyListFields): KeyQuery => ({
  page: fields.page ?? 1,
  pageSize: fields.size ?? PAGE_SIZE,
  alias: fields.key_alias ?? null,
  hash: fields.key_hash ?? null,
  customerId: fields.customer_id ?? null,
  search: fields.search || null,
  labels: given({ user_id: fields.user_id, team_id: fields.team_id }),
  sort: fields.sort_by ?? 'created_at',
  descending: fields.sort_order !== 'asc',
})

export const answerKeys = {
  description: 'A page of keys.',
  schema: Type.Object(
    {
      keys: Type.Array(
        Type.Unsafe<unknown>({
          anyOf: [{ type: 'string' }, named('Key')],
          description: 'Hashes, or whole keys.',
        }),
        { description: 'Their hashes, or with `return_full_object` the keys.' },
      ),
      total_count: Type.Integer({ description: 'Keys on all pages.', examples: [25] }),
      current_page: Type.Integer({ description: 'This one.', examples: [1] }),
      total_pages: Type.Integer({ description: 'How many there are.', examples: [3] }),
    },
    { additionalProperties: false },
  ),
}

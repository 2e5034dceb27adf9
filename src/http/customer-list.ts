import * as Type from 'typebox'
import { Id, pageField } from './fields.ts'
import { named } from './operation.ts'
import { checked } from './schema.ts'

/** What a list can be sorted by. */
const SORTS = ['user_id', 'alias', 'spend', 'total_spend', 'created_at', 'updated_at'] as const
const PAGE_SIZE = 100
const PAGE_SIZE_MAX = 1_000

/** A page of customers: which of them, and in what order. */
export type CustomerQuery = {
  /** From 1. */
  readonly page: number
  readonly pageSize: number
  /** A part of the id or of the alias. Null: all. */
  readonly search: string | null
  readonly sort: (typeof SORTS)[number]
  readonly descending: boolean
  readonly budgetId: string | null
  readonly blocked: boolean | null
}

const ListFields = Type.Object(
  {
    page: pageField,
    page_size: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: PAGE_SIZE_MAX,
        description: `Customers on a page, ${PAGE_SIZE} by default.`,
        examples: [PAGE_SIZE],
      }),
    ),
    search: Type.Optional(
      Type.String({
        maxLength: 256,
        description: 'A part of the id or of the alias.',
        examples: ['ali'],
      }),
    ),
    sort: Type.Optional(
      Type.Enum([...SORTS], {
        type: 'string',
        description: 'What to sort by; `created_at` by default.',
        examples: ['spend'],
      }),
    ),
    order: Type.Optional(
      Type.Enum(['asc', 'desc'], {
        type: 'string',
        description: 'Ascending (the default) or descending.',
        examples: ['desc'],
      }),
    ),
    budget_id: Type.Optional(
      Id({ description: 'Only customers on this budget.', examples: ['pro'] }),
    ),
    blocked: Type.Optional(
      Type.Boolean({ description: 'Only blocked ones, or only the others.', examples: [true] }),
    ),
  },
  { additionalProperties: false },
)

type ListFields = Type.Static<typeof ListFields>

/** The query of `/customer/list`. */
export const ListQuery = checked(ListFields)

export function readListQuery(fields: ListFields): CustomerQuery {
  return {
    page: fields.page ?? 1,
    pageSize: fields.page_size ?? PAGE_SIZE,
    search: fields.search || null,
    sort: fields.sort ?? 'created_at',
    descending: fields.order === 'desc',
    budgetId: fields.budget_id ?? null,
    blocked: fields.blocked ?? null,
  }
}

/**
 * LiteLLM's body is a bare array, so what belongs to a page goes into headers: the total, and as
 * `Link` (RFC 8288) the next page, relative to the address that the client used.
 */
export function pageHeaders(
  path: string,
  fields: ListFields,
  { page, pageSize, total }: { page: number; pageSize: number; total: number },
): Record<string, string> {
  const count = { 'x-total-count': String(total) }
  if (page * pageSize >= total) return count
  const query = new URLSearchParams(
    Object.entries({ ...fields, page: page + 1 }).map(([name, value]) => [name, String(value)]),
  )
  return { ...count, link: `<${path}?${query}>; rel="next"` }
}

export const answerList = {
  description: 'A page of customers.',
  schema: Type.Array(named('Customer')),
  headers: {
    'x-total-count': {
      description: 'Customers on all pages.',
      schema: Type.Integer({ examples: [250] }),
    },
    link: {
      description: 'Where the next page is, if there is one.',
      schema: Type.String({ examples: ['</customer/list?page=2>; rel="next"'] }),
    },
  },
}

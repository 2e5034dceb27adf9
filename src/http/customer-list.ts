import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import { Id, pageField } from './fields.ts'
import { shown } from './misfit.ts'
import { named } from './operation.ts'
import { checked } from './schema.ts'

/** What a list can be sorted by. */
const SORTS = ['user_id', 'alias', 'spend', 'total_spend', 'created_at', 'updated_at'] as const
const PAGE_SIZE = 100
const PAGE_SIZE_MAX = 1_000

/** A place in a list: what the customer there is sorted by, and its tab. */
export type CustomerPlace = { readonly value: string | number; readonly tab: number }

/** A page of customers: which of them, and in what order. */
export type CustomerQuery = {
  /** From 1. */
  readonly page: number
  readonly pageSize: number
  /** In place of a page: the customer behind which it begins. */
  readonly after: CustomerPlace | null
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
    cursor: Type.Optional(
      Type.String({
        maxLength: 2_000,
        description:
          'In place of `page`: `x-next-cursor` of the page before, asked for in the same way. ' +
          'It costs the same however deep the page is.',
        examples: ['WyJjcmVhdGVkX2F0IGFzYyIsMSwxXQ'],
      }),
    ),
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
        description:
          'A part of the id or of the alias. With fewer than three characters all customers are ' +
          'looked at until the page is full.',
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

/** Throws `invalid_request` for a cursor of another list. */
export function readListQuery(fields: ListFields): CustomerQuery {
  if (fields.cursor !== undefined && fields.page !== undefined) throw bothPlaces()
  return {
    after: fields.cursor === undefined ? null : readCursor(fields.cursor, fields),
    page: fields.page ?? 1,
    pageSize: fields.page_size ?? PAGE_SIZE,
    search: fields.search || null,
    sort: fields.sort ?? 'created_at',
    descending: fields.order === 'desc',
    budgetId: fields.budget_id ?? null,
    blocked: fields.blocked ?? null,
  }
}

export const bothPlaces = () =>
  new Refusal('invalid_request', 'Send either page or cursor, not both', { param: 'page' })

const badCursor = (cursor: string) =>
  new Refusal(
    'invalid_request',
    'cursor must be the x-next-cursor of a page that was asked for with the same sort and order, ' +
      `got ${shown(cursor)}`,
    { param: 'cursor' },
  )

const orderOf = ({ sort, order }: ListFields) => `${sort ?? 'created_at'} ${order ?? 'asc'}`

const cursorOf = ({ value, tab }: CustomerPlace, fields: ListFields): string =>
  Buffer.from(JSON.stringify([orderOf(fields), value, tab])).toString('base64url')

function readCursor(cursor: string, fields: ListFields): CustomerPlace {
  const [order, value, tab] = parsed(Buffer.from(cursor, 'base64url').toString())
  const isText = fields.sort === 'user_id' || fields.sort === 'alias'
  const isPlace = isText ? typeof value === 'string' : Number.isSafeInteger(value)
  if (order !== orderOf(fields) || !isPlace || !Number.isSafeInteger(tab)) throw badCursor(cursor)
  return { value: value as string | number, tab: tab as number }
}

function parsed(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

/**
 * LiteLLM's body is a bare array, so what belongs to a page goes into headers: the total, and the
 * next page, by its cursor and as `Link` (RFC 8288), relative to the address that the client used.
 */
export function pageHeaders(
  path: string,
  fields: ListFields,
  about: {
    readonly next: CustomerPlace | null
    readonly total: number | null
    readonly totalAtLeast: number | null
  },
): Record<string, string> {
  const { next, total, totalAtLeast } = about
  const count = {
    ...(total === null ? {} : { 'x-total-count': String(total) }),
    ...(totalAtLeast === null ? {} : { 'x-total-count-at-least': String(totalAtLeast) }),
  }
  if (next === null) return count
  const cursor = cursorOf(next, fields)
  const { page: _, ...others } = fields
  const query = new URLSearchParams(
    Object.entries({ ...others, cursor }).map(([name, value]) => [name, String(value)]),
  )
  return { ...count, 'x-next-cursor': cursor, link: `<${path}?${query}>; rel="next"` }
}

export const answerList = {
  description: 'A page of customers.',
  schema: Type.Array(named('Customer')),
  headers: {
    'x-total-count': {
      description: 'Customers on all pages. Not there where a search finds very many.',
      schema: Type.Integer({ examples: [250] }),
    },
    'x-total-count-at-least': {
      description: 'In place of it: that there are so many, and maybe more.',
      schema: Type.Integer({ examples: [1_001] }),
    },
    'x-next-cursor': {
      description: 'The `cursor` of the next page, if there is one.',
      schema: Type.String({ examples: ['WyJjcmVhdGVkX2F0IGFzYyIsMSwxXQ'] }),
    },
    link: {
      description: 'Where the next page is, if there is one.',
      schema: Type.String({
        examples: ['</customer/list?cursor=WyJjcmVhdGVkX2F0IGFzYyIsMSwxXQ>; rel="next"'],
      }),
    },
  },
}

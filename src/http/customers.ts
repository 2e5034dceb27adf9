import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { Refusal } from '../errors.ts'
import type { Limits } from '../ledger/budget.ts'
import type { BudgetedCustomer, Profile } from '../ledger/customer.ts'
import type { Nanos } from '../ledger/money.ts'
import { pathOf } from './address.ts'
import { limitsAnything } from './budget-json.ts'
import { creditLeft, refuseHeldWallet } from './customer-credit.ts'
import {
  type CustomerChange,
  CustomerChangeFields,
  customerJson,
  NewCustomerFields,
  readCustomerChange,
  type Tab,
} from './customer-json.ts'
import {
  answerList,
  bothPlaces,
  type CustomerPlace,
  type CustomerQuery,
  ListQuery,
  pageHeaders,
  readListQuery,
} from './customer-list.ts'
import { Id } from './fields.ts'
import { JSON_BODY } from './json-body.ts'
import { named, operation } from './operation.ts'
import { plainQuery } from './query.ts'
import { checked } from './schema.ts'
import { notServed, requireServed, requireServedIn } from './served-models.ts'

export type NewCustomer = {
  readonly id: string
  readonly profile: Partial<Profile>
  /** Own limits: they make a budget of its own. Null: none. */
  readonly limits: Partial<Limits> | null
  /** A first value of the spend. Null: zero. */
  readonly spent: Nanos | null
  /** Whether it has a wallet. Null: not. */
  readonly wallet: boolean | null
}

/** What these routes need of the store. */
export type CustomerStore = {
  findCustomer(id: string): BudgetedCustomer | null
  listCustomers(query: CustomerQuery): Promise<{
    readonly customers: readonly BudgetedCustomer[]
    /** Null: this is the last page. */
    readonly next: CustomerPlace | null
    /** Null: more than are counted, `totalAtLeast` if that is known. */
    readonly total: number | null
    readonly totalAtLeast: number | null
  }>
  /** Throws `conflict` when it exists, `not_found` for the budget. */
  createCustomer(customer: NewCustomer): Promise<BudgetedCustomer>
  /** Throws `not_found`, for the customer or for the budget. */
  updateCustomer(id: string, change: CustomerChange): Promise<BudgetedCustomer>
  /** Throws `not_found` naming the unknown ones, and then deletes none. */
  deleteCustomers(ids: readonly string[]): Promise<void>
  /** Unknown ids are created. */
  setBlocked(ids: readonly string[], blocked: boolean): Promise<readonly BudgetedCustomer[]>
}

export type CustomerParts = Tab & {
  readonly customers: CustomerStore
  /** The names of the served models. */
  models(): readonly string[]
}

const IDS_MAX = 10_000

const InfoQuery = checked(
  Type.Object(
    { end_user_id: Id({ description: 'The id of the customer.', examples: ['alice'] }) },
    { additionalProperties: false },
  ),
)

const UserIds = checked(
  Type.Object(
    {
      user_ids: Type.Array(Id({ description: 'The id of a customer.', examples: ['alice'] }), {
        minItems: 1,
        maxItems: IDS_MAX,
        description: 'The ids of the customers.',
        examples: [['alice', 'bob']],
      }),
    },
    { additionalProperties: false, examples: [{ user_ids: ['alice', 'bob'] }] },
  ),
)

const Customer = named('Customer')
const answerCustomer = { description: 'The customer.', schema: Customer }
const answerBlocked = {
  description: 'The customers, as they are now.',
  schema: Type.Object({ blocked_users: Type.Array(Customer) }, { additionalProperties: false }),
}
const answerDeleted = {
  description: 'How many, and which.',
  schema: Type.Object(
    {
      deleted_customers: Type.Integer({ description: 'How many.', examples: [2] }),
      message: Type.String({
        description: 'Which.',
        examples: ["Successfully deleted customers with ids: ['alice', 'bob']"],
      }),
      credit_left: Type.Optional(
        Type.Record(Type.String(), Type.Number(), {
          description: 'Dollars in the wallets of those who had some left, by their ids.',
          examples: [{ alice: 2.5 }],
        }),
      ),
    },
    { additionalProperties: false },
  ),
}
export const customerNotFound = (id: string, param: string) =>
  new Refusal('not_found', `End User Id=${id} does not exist in db`, { param })
const manyNotFound = new Refusal('not_found', 'End User Id(s)=a, b do not exist in db', {
  param: 'user_ids',
})
const budgetNotFound = new Refusal('not_found', "Budget with id 'pro' does not exist.", {
  param: 'budget_id',
})
const customerExists = new Refusal(
  'conflict',
  'Customer already exists, passed user_id=alice. Please pass a new user_id.',
  { param: 'user_id' },
)
const misspelt = new Refusal(
  'invalid_request',
  'Unknown field "max_bugdet"; did you mean max_budget?',
  {
    param: 'max_bugdet',
  },
)

/** As Python prints text in a list: scripts may match on LiteLLM's message. */
const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`

/** The paths of customers, under LiteLLM's two names for them. */
export function customerRoutes(parts: CustomerParts, prefix: '/customer' | '/end_user') {
  const { customers } = parts
  const tag = prefix === '/customer' ? 'Customers' : 'Customers, as /end_user'
  const json = (customer: BudgetedCustomer) => customerJson(customer, parts)
  const block = async (ids: readonly string[], blocked: boolean) => {
    const changed = await customers.setBlocked([...new Set(ids)], blocked)
    return { blocked_users: changed.map(json) }
  }

  return new Elysia({ prefix, normalize: false })
    .post(
      '/new',
      async ({ body }) => {
        const { profile, limits, ...sums } = readCustomerChange(body)
        requireServed([profile.defaultModel], parts.models())
        requireServedIn(limits ?? {}, parts.models())
        // Limits of null alone are LiteLLM's way of saying "none": no budget is made of them.
        const own = limits !== null && limitsAnything(limits) ? limits : null
        return json(
          await customers.createCustomer({ id: body.user_id, profile, limits: own, ...sums }),
        )
      },
      {
        parse: JSON_BODY,
        body: checked(NewCustomerFields),
        detail: operation({
          tag,
          summary: 'Open a tab for a customer',
          description:
            'With `budget_id` the customer is on a shared budget; with limits, such as ' +
            '`max_budget`, it gets a budget of its own. A field that is not known is refused.',
          answer: answerCustomer,
          refusals: [customerExists, budgetNotFound, misspelt, notServed('gpt-9', ['demo'])],
        }),
      },
    )
    .get(
      '/info',
      ({ query }) => {
        const found = customers.findCustomer(query.end_user_id)
        if (found === null) throw customerNotFound(query.end_user_id, 'end_user_id')
        return json(found)
      },
      {
        transform: plainQuery,
        query: InfoQuery,
        detail: operation({
          tag,
          summary: 'What a customer has spent',
          description: 'The customer, its budget, its spend in the current period and in all.',
          answer: answerCustomer,
          refusals: [customerNotFound('alice', 'end_user_id')],
        }),
      },
    )
    .post(
      '/update',
      async ({ body }) => {
        const change = readCustomerChange(body)
        requireServed([change.profile.defaultModel], parts.models())
        requireServedIn(change.limits ?? {}, parts.models())
        if (change.wallet === false) refuseHeldWallet(body.user_id, parts)
        return json(await customers.updateCustomer(body.user_id, change))
      },
      {
        parse: JSON_BODY,
        body: checked(CustomerChangeFields),
        detail: operation({
          tag,
          summary: 'Change a customer',
          description:
            'Only what is sent changes, and null clears. Limits sent for a customer on a shared ' +
            'budget give it a budget of its own, made from the shared one, which stays as it is.',
          answer: answerCustomer,
          refusals: [customerNotFound('alice', 'user_id'), budgetNotFound, misspelt],
        }),
      },
    )
    .post(
      '/delete',
      async ({ body }) => {
        const ids = [...new Set(body.user_ids)]
        const left = creditLeft(ids, customers)
        await customers.deleteCustomers(ids)
        const list = ids.map(quoted).join(', ')
        return {
          deleted_customers: ids.length,
          message: `Successfully deleted customers with ids: [${list}]`,
          ...(Object.keys(left).length === 0 ? {} : { credit_left: left }),
        }
      },
      {
        parse: JSON_BODY,
        body: UserIds,
        detail: operation({
          tag,
          summary: 'Delete customers',
          description:
            'All of them or, if one is unknown, none. The ledger keeps what they were charged; ' +
            'the same id created again starts a fresh tab. So does credit that was not used: it ' +
            'stays with the closed tab, and `credit_left` says how much; pay it out before.',
          answer: answerDeleted,
          refusals: [manyNotFound],
        }),
      },
    )
    .get(
      '/list',
      async ({ query, set, request }) => {
        const { customers: found, ...page } = await customers.listCustomers(readListQuery(query))
        Object.assign(set.headers, pageHeaders(pathOf(request.url), query, page))
        return found.map(json)
      },
      {
        transform: plainQuery,
        query: ListQuery,
        detail: operation({
          tag,
          summary: 'List customers',
          description:
            'One page of them; `x-total-count` says how many there are in all. Any order is that ' +
            'of an index. Where a budget or `blocked` leaves more than a thousand, or a search ' +
            'finds more, customers are looked at in that order until the page is full. `spend` ' +
            'sorts by the sum that was written last: a customer whose period has ended stands ' +
            'where it was until its next call.',
          answer: answerList,
          refusals: [bothPlaces()],
        }),
      },
    )
    .post('/block', ({ body }) => block(body.user_ids, true), {
      parse: JSON_BODY,
      body: UserIds,
      detail: operation({
        tag,
        summary: 'Block customers',
        description: 'Their calls are refused from now on. An unknown id is created, blocked.',
        answer: answerBlocked,
      }),
    })
    .post('/unblock', ({ body }) => block(body.user_ids, false), {
      parse: JSON_BODY,
      body: UserIds,
      detail: operation({
        tag,
        summary: 'Unblock customers',
        description: 'Their calls are taken again. An unknown id is created, not blocked.',
        answer: answerBlocked,
      }),
    })
}

import { Elysia } from 'elysia'
import { Refusal } from '../errors.ts'
import type { CreditDone, CreditOrder } from '../ledger/credit.ts'
import { fromDollars, ZERO } from '../ledger/money.ts'
import { PRIORITY } from '../ledger/wallet.ts'
import { AdjustFields, DoneSchema, doneJson, GrantFields, RefundFields } from './credit-json.ts'
import { customerNotFound } from './customers.ts'
import { parseTime } from './fields.ts'
import { JSON_BODY } from './json-body.ts'
import { shown } from './misfit.ts'
import { operation } from './operation.ts'
import { checked } from './schema.ts'

/** What these routes need of the store. */
export type CreditParts = {
  readonly credit: {
    /** Throws `not_found`, `unprocessable` for a key of another order, `invalid_request`. */
    order(order: CreditOrder): Promise<CreditDone & { readonly isRepeat: boolean }>
  }
}

const KEY_LENGTH_MAX = 255

const keyMissing = new Refusal(
  'invalid_request',
  'idempotency_key is required, in the body or as the header Idempotency-Key: money is moved ' +
    'once under it, however often the request is repeated',
  { param: 'idempotency_key' },
)
const anotherOrder = new Refusal(
  'unprocessable',
  'This idempotency_key was sent with another order; use a new one. Nothing was done.',
  { param: 'idempotency_key' },
)

/** Throws `invalid_request`. */
function keyOf(given: string | undefined, request: Request): string {
  const inHeader = request.headers.get('idempotency-key') ?? ''
  if (given !== undefined && inHeader !== '' && given !== inHeader) {
    throw new Refusal(
      'invalid_request',
      `idempotency_key and the header Idempotency-Key differ: ${shown(given)} and ` +
        `${shown(inHeader)}; send one of them`,
      { param: 'idempotency_key' },
    )
  }
  const key = given ?? inHeader
  if (key === '') throw keyMissing
  if (key.length > KEY_LENGTH_MAX) {
    const message = `idempotency_key may have ${KEY_LENGTH_MAX} characters, got ${key.length}`
    throw new Refusal('invalid_request', message, { param: 'idempotency_key' })
  }
  return key
}

/** Credit that a customer has paid in advance. */
export function creditRoutes(parts: CreditParts, prefix: '/customer' | '/end_user') {
  const tag = prefix === '/customer' ? 'Credit' : 'Credit, as /end_user'
  const order = async (given: CreditOrder, set: { headers: Record<string, unknown> }) => {
    const { isRepeat, ...done } = await parts.credit.order(given)
    if (isRepeat) set.headers['x-tollgate-replayed'] = 'true'
    return doneJson(done)
  }
  const answer = { description: 'What was done, or had been under this key.', schema: DoneSchema }
  const refusals = [keyMissing, customerNotFound('alice', 'user_id'), anotherOrder]

  return new Elysia({ prefix: `${prefix}/credit`, normalize: false })
    .post(
      '/grant',
      ({ body, request, set }) => {
        const { user_id: customerId, reason, expires_at: end } = body
        const expiresAt = end == null ? null : parseTime(end, 'expires_at')
        const terms = { priority: body.priority ?? PRIORITY, expiresAt }
        const key = keyOf(body.idempotency_key, request)
        const amount = fromDollars(body.amount)
        return order({ key, customerId, reason, kind: 'grant', amount, ...terms }, set)
      },
      {
        parse: JSON_BODY,
        body: checked(GrantFields),
        detail: operation({
          tag,
          summary: 'Bring credit into a wallet',
          description:
            'The first makes the wallet: from then on each call is charged to it, and refused ' +
            'when it has not enough. Credit of the lowest priority is used first, then what ' +
            'expires soonest, then the oldest. An unknown customer is not created.',
          answer,
          refusals,
        }),
      },
    )
    .post(
      '/adjust',
      ({ body, request, set }) => {
        const { user_id: customerId, reason, call_id: callId = null } = body
        const key = keyOf(body.idempotency_key, request)
        const amount = fromDollars(body.amount)
        if (amount === ZERO) throw noAmount(body.amount)
        if (callId !== null && amount < 0) throw notGivenBack(body.amount)
        return order({ key, customerId, reason, kind: 'adjustment', amount, callId }, set)
      },
      {
        parse: JSON_BODY,
        body: checked(AdjustFields),
        detail: operation({
          tag,
          summary: 'Put a balance right',
          description:
            'In either direction. With `call_id` it gives back what that call was charged, all ' +
            'such adjustments together never more than it drew. What goes out is taken in the ' +
            'order of use, and never more than is available. The spend stays as it is.',
          answer,
          refusals: [...refusals, noAmount(0)],
        }),
      },
    )
    .post(
      '/refund',
      ({ body, request, set }) => {
        const { user_id: customerId, reason, grant_id: grantId = null } = body
        const key = keyOf(body.idempotency_key, request)
        const amount = fromDollars(body.amount)
        return order({ key, customerId, reason, kind: 'refund', amount, grantId }, set)
      },
      {
        parse: JSON_BODY,
        body: checked(RefundFields),
        detail: operation({
          tag,
          summary: 'Pay credit out',
          description:
            'Money that its buyer gets back: it leaves the wallet, of one grant or of those that ' +
            'would be used last, and never more than is available.',
          answer,
          refusals,
        }),
      },
    )
}

const noAmount = (amount: number) =>
  new Refusal('invalid_request', `amount must be dollars above or below 0, got ${amount}`, {
    param: 'amount',
  })

const notGivenBack = (amount: number) =>
  new Refusal(
    'invalid_request',
    `With call_id, amount is what is given back of its charge: it must be above 0, got ${amount}`,
    { param: 'amount' },
  )

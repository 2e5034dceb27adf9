import * as Type from 'typebox'
import type { CreditDone, CreditEntry, CreditGrant } from '../ledger/credit.ts'
import { CREDIT_KINDS } from '../ledger/credit.ts'
import { DOLLARS_MAX, toDollars } from '../ledger/money.ts'
import { PRIORITY } from '../ledger/wallet.ts'
import { Dollars, Id, NullableId, NullableText, Time, timeText } from './fields.ts'
import { SENTENCE, type Sentence, shown } from './misfit.ts'

/** Credit as clients order and read it. */

const closed = { additionalProperties: false }
const ULID = '01M85YX12J9XZEJ9BVTRXF62MV'
const AT = '2026-11-01T09:30:00.000Z'

const amountSentence: Sentence = (field, value) =>
  `${field} must be dollars above 0 and up to ${DOLLARS_MAX}, got ${shown(value)}`

const Amount = (description: string) =>
  Type.Number({
    minimum: 1e-9,
    maximum: DOLLARS_MAX,
    description,
    examples: [25],
    [SENTENCE]: amountSentence,
  })

const reasonSentence: Sentence = (field, value) =>
  `${field} must be text of 1 to 500 characters without control characters, got ${shown(value)}`

const ORDER = {
  user_id: Id({ description: 'Whose wallet.', examples: ['alice'] }),
  reason: Type.String({
    minLength: 1,
    maxLength: 500,
    pattern: '^[^\\p{Cc}\\p{Cs}]*$',
    description: 'Why, for the history.',
    examples: ['Invoice 2026-117'],
    [SENTENCE]: reasonSentence,
  }),
  idempotency_key: Type.Optional(
    Id({
      description:
        'Under which this is done once: a repeat is answered as the first was, and does nothing. ' +
        'Required, here or as the header `Idempotency-Key`.',
      examples: ['invoice-2026-117'],
    }),
  ),
}

export const GrantFields = Type.Object(
  {
    ...ORDER,
    amount: Amount('Dollars that come in.'),
    expires_at: Type.Optional(
      NullableText({
        description: 'When what is left of it goes. Null: never.',
        examples: ['2027-11-01T00:00:00Z'],
        maxLength: 100,
      }),
    ),
    priority: Type.Optional(
      Type.Unsafe<number | null>({
        type: ['integer', 'null'],
        minimum: 0,
        maximum: 1_000_000,
        description: `The lower, the sooner it is used; ${PRIORITY} by default.`,
        examples: [PRIORITY],
      }),
    ),
  },
  {
    ...closed,
    examples: [
      { user_id: 'alice', amount: 25, reason: 'Invoice 117', idempotency_key: 'invoice-117' },
    ],
  },
)

export const AdjustFields = Type.Object(
  {
    ...ORDER,
    amount: Type.Number({
      minimum: -DOLLARS_MAX,
      maximum: DOLLARS_MAX,
      description: 'Dollars: above 0 they come in, below they go out.',
      examples: [-2.5],
    }),
    call_id: Type.Optional(
      NullableId({
        description: 'The call whose charge is given back, in part or whole.',
        examples: [ULID],
      }),
    ),
  },
  {
    ...closed,
    examples: [{ user_id: 'alice', amount: 0.02, reason: 'Bad answer', idempotency_key: 'a-1' }],
  },
)

export const RefundFields = Type.Object(
  {
    ...ORDER,
    amount: Amount('Dollars that are paid out.'),
    grant_id: Type.Optional(
      NullableId({
        description: 'The grant that it is taken of. Null: of those that would be used last.',
        examples: [ULID],
      }),
    ),
  },
  {
    ...closed,
    examples: [{ user_id: 'alice', amount: 10, reason: 'Contract ended', idempotency_key: 'r-1' }],
  },
)

const GRANT = {
  id: Type.String({ description: 'Names the grant.', examples: [ULID] }),
  amount: Dollars({ description: 'Dollars that came in.', examples: [25] }),
  remaining: Dollars({ description: 'Dollars that are left of it.', examples: [12.5] }),
  priority: Type.Integer({ description: 'The lower, the sooner it is used.', examples: [50] }),
  expires_at: NullableText({ description: 'When it ends. Null: never.', examples: [AT] }),
  reason: NullableText({ description: 'Why it was made.', examples: ['Invoice 2026-117'] }),
  created_at: Time({ description: 'When it was made.', examples: [AT] }),
}

const Grant = Type.Object(GRANT, { ...closed, description: 'What came in at once.' })

export const DoneSchema = Type.Object(
  {
    id: Type.String({ description: 'Names what was done.', examples: [ULID] }),
    type: Type.Enum(['grant', 'adjustment', 'refund'], {
      type: 'string',
      description: 'What it was.',
      examples: ['grant'],
    }),
    user_id: Type.String({ description: 'Whose wallet.', examples: ['alice'] }),
    amount: Dollars({ description: 'Dollars; below 0 where they went out.', examples: [25] }),
    balance: Dollars({ description: 'The balance with it, in dollars.', examples: [37.5] }),
    reason: Type.String({ description: 'Why.', examples: ['Invoice 2026-117'] }),
    call_id: NullableText({ description: 'The call it gives back of, if any.', examples: [ULID] }),
    grant: Type.Unsafe<Type.Static<typeof Grant> | null>({
      anyOf: [Grant, { type: 'null' }],
      description: 'What came in. Null: it went out.',
    }),
    created_at: Time({ description: 'When.', examples: [AT] }),
  },
  closed,
)

export const doneJson = (done: CreditDone): Type.Static<typeof DoneSchema> => ({
  id: done.id,
  type: done.kind,
  user_id: done.customerId,
  amount: toDollars(done.amount),
  balance: toDollars(done.balance),
  reason: done.reason,
  call_id: done.callId,
  grant: done.grant === null ? null : grantJson(done.grant),
  created_at: timeText(done.createdAt),
})

export const BalanceSchema = Type.Object(
  {
    user_id: Type.String({ description: 'Whose wallet.', examples: ['alice'] }),
    balance: Dollars({ description: 'Dollars in it, with what is held.', examples: [37.5] }),
    held: Dollars({ description: 'Dollars held for calls in flight.', examples: [0.25] }),
    available: Dollars({ description: 'The one less the other.', examples: [37.25] }),
    next_expiry: NullableText({
      description: 'When the next grant ends. Null: none does.',
      examples: [AT],
    }),
    grants: Type.Array(Grant, { description: 'Those with something left, in the order of use.' }),
  },
  closed,
)

export const grantJson = (grant: CreditGrant): Type.Static<typeof Grant> => ({
  id: grant.id,
  amount: toDollars(grant.amount),
  remaining: toDollars(grant.remaining),
  priority: grant.priority,
  expires_at: grant.expiresAt === null ? null : timeText(grant.expiresAt),
  reason: grant.reason,
  created_at: timeText(grant.createdAt),
})

export const EntrySchema = Type.Object(
  {
    id: Type.Integer({ description: 'Ascends; a `cursor`.', examples: [117] }),
    type: Type.Enum([...CREDIT_KINDS], {
      type: 'string',
      description: '`draw`: a call’s charge, or a correction of one.',
      examples: ['draw'],
    }),
    amount: Dollars({ description: 'Dollars; below 0 where they went out.', examples: [-0.02] }),
    balance: Dollars({ description: 'The balance with it, in dollars.', examples: [37.5] }),
    grant_id: NullableText({ description: 'Of which grant. Null: overdrawn.', examples: [ULID] }),
    call_id: NullableText({ description: 'For which call, if any.', examples: [ULID] }),
    reason: NullableText({ description: 'The operator’s, if any.', examples: [null] }),
    created_at: Time({ description: 'When.', examples: [AT] }),
  },
  closed,
)

export const entryJson = (entry: CreditEntry): Type.Static<typeof EntrySchema> => ({
  id: entry.id,
  type: entry.kind,
  amount: toDollars(entry.amount),
  balance: toDollars(entry.balance),
  grant_id: entry.grantId,
  call_id: entry.callId,
  reason: entry.reason,
  created_at: timeText(entry.createdAt),
})

import * as Type from 'typebox'
import { topUpAddress } from '../config/credit.ts'
import type { CreditGrant } from '../ledger/credit.ts'
import type { BudgetedCustomer } from '../ledger/customer.ts'
import { minus, toDollars } from '../ledger/money.ts'
import type { Tab } from './customer-json.ts'
import { Dollars, NullableText, timeText } from './fields.ts'

/**
 * What a customer sees of its wallet: what is left, when that ends and where there is more. Not why
 * it was given, nor in which order it is used: those are the operator's words to itself.
 */

const closed = { additionalProperties: false }
const AT = '2026-12-31T23:59:59.000Z'

const PortalCreditSchema = Type.Object(
  {
    balance: Dollars({ description: 'Dollars in it, with what is held.', examples: [37.5] }),
    held: Dollars({ description: 'Dollars set aside for calls under way.', examples: [0.25] }),
    available: Dollars({ description: 'The one less the other.', examples: [37.25] }),
    grants: Type.Array(
      Type.Object(
        {
          amount: Dollars({ description: 'Dollars that came in.', examples: [25] }),
          remaining: Dollars({ description: 'Dollars left of them.', examples: [12.5] }),
          expires_at: NullableText({ description: 'When they end. Null: never.', examples: [AT] }),
        },
        closed,
      ),
      { description: 'What there is something left of, in the order of use.' },
    ),
    top_up_url: NullableText({
      description: 'Where more is bought. Null: ask.',
      examples: ['https://app.example.com/billing?customer=alice'],
    }),
  },
  closed,
)

export type PortalCredit = Type.Static<typeof PortalCreditSchema>

/** As a field. Null: it pays nothing in advance. */
export const NullablePortalCredit = Type.Unsafe<PortalCredit | null>({
  anyOf: [PortalCreditSchema, { type: 'null' }],
  description: 'Credit that was paid in advance. Null: it has no wallet.',
})

/** A customer's wallet as it may see it; null: it has none. Dollars. */
export function portalCreditJson(
  { customer }: BudgetedCustomer,
  parts: Pick<Tab, 'heldCredit'> & {
    readonly credit: { openGrants(tab: number): readonly CreditGrant[] }
    readonly topUpUrl: string | null
  },
): PortalCredit | null {
  if (customer.credit === null) return null
  const { balance } = customer.credit
  const held = parts.heldCredit(customer.id)
  return {
    balance: toDollars(balance),
    held: toDollars(held),
    available: toDollars(minus(balance, held)),
    grants: parts.credit.openGrants(customer.tab).map(({ amount, remaining, expiresAt }) => ({
      amount: toDollars(amount),
      remaining: toDollars(remaining),
      expires_at: expiresAt === null ? null : timeText(expiresAt),
    })),
    top_up_url: topUpAddress(parts.topUpUrl, customer.id),
  }
}

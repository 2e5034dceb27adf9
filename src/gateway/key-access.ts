import { Refusal } from '../errors.ts'
import type { VirtualKey } from '../ledger/key.ts'
import type { Accounts } from './accounts.ts'
import type { LiveKey } from './live-owner.ts'

/**
 * What may be done with a virtual key. Statuses, types and sentences are LiteLLM's:
 * https://github.com/BerriAI/litellm/blob/main/litellm/proxy/auth/auth_checks.py
 */

/** A key that is no key of ours, or is none any more. */
export const unknownKey = () =>
  new Refusal(
    'unauthorized',
    'Authentication Error: the API key is not valid. It is neither the master key nor a virtual ' +
      'key of this server.',
    { headers: { 'www-authenticate': 'Bearer' } },
  )

/** Throws `unauthorized` for a key that is blocked, and `expired_key`. */
export function requireUsable({ blocked, expiresAt }: VirtualKey, now: number) {
  if (blocked) {
    throw new Refusal(
      'unauthorized',
      "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin.",
    )
  }
  if (expiresAt === null || now < expiresAt) return
  const [expiry, current] = [expiresAt, now].map((at) => new Date(at).toISOString())
  throw new Refusal(
    'expired_key',
    'Authentication Error - Expired Key. ' +
      `Key Expiry time ${expiry} and current time ${current}`,
  )
}

/** The models that a key may call; null: all. Its own list and its budget's both have to allow. */
function allowedModels({ self, budget }: LiveKey): readonly string[] | null {
  const byBudget = budget?.models ?? null
  if (self.models === null || byBudget === null) return self.models ?? byBudget
  return self.models.filter((model) => byBudget.includes(model))
}

/** Throws `key_model_not_allowed`. */
export function requireModel(key: LiveKey, model: string) {
  const allowed = allowedModels(key)
  if (allowed === null || allowed.includes(model)) return
  const list = allowed.map((name) => `'${name}'`).join(', ')
  throw new Refusal(
    'key_model_not_allowed',
    `key not allowed to access model. This key can only access models=[${list}]. ` +
      `Tried to access ${model}`,
    { param: 'model' },
  )
}

/** Whether a call of the model with the key would be admitted, as far as lists of models go. */
export function mayCall(accounts: Accounts, key: VirtualKey, model: string, now: number): boolean {
  const live = accounts.findKey(key.hash, now)
  if (live === null) return false
  const customer = key.customerId === null ? null : accounts.find(key.customerId, now)
  const lists = [allowedModels(live), customer?.budget?.models ?? null]
  return lists.every((allowed) => allowed === null || allowed.includes(model))
}

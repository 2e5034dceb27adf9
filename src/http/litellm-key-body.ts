import { Refusal } from '../errors.ts'
import { JSON_BODY, OPTIONAL_JSON_BODY } from './json-body.ts'

/**
 * Fields that LiteLLM takes for a key and that have no effect here. Its scripts send many of them
 * empty, and those are dropped. One that says something is refused: most of them restrict the key,
 * and a restriction that nobody keeps is worse than none.
 */
const NO_EFFECT: ReadonlySet<string> = new Set([
  'access_group_ids',
  'aliases',
  'allowed_cache_controls',
  'allowed_passthrough_routes',
  'allowed_routes',
  'allowed_vector_store_indexes',
  'auto_rotate',
  'budget_fallbacks',
  'budget_limits',
  'config',
  'default_estimated_output_tokens',
  'default_estimated_output_tokens_per_model',
  'disable_global_guardrails',
  'enable_prompt_caching',
  'enforced_params',
  'grace_period',
  'guardrails',
  'mcp_rpm_limit',
  'model_rpm_limit',
  'model_tpm_limit',
  'new_master_key',
  'object_permission',
  'permissions',
  'policies',
  'prompts',
  'rotation_interval',
  'router_settings',
  'rpm_limit_type',
  'send_invite_email',
  'tag_rpm_limit',
  'temp_budget_expiry',
  'temp_budget_increase',
  'throttle_on_budget_exceeded',
  'tpm_limit_type',
])

type Context = { readonly request: Request }

const dropping =
  (read: (context: Context) => Promise<unknown>) =>
  async (context: Context): Promise<unknown> => {
    const body = await read(context)
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return body
    return Object.fromEntries(Object.entries(body).filter(([name, value]) => isKept(name, value)))
  }

/** The body of a route that makes or changes a key, without what has no effect. */
export const KEY_BODY: [ReturnType<typeof dropping>, 'json'] = [dropping(JSON_BODY[0]), 'json']

/** The same, and there may be no body at all. */
export const OPTIONAL_KEY_BODY: typeof KEY_BODY = [dropping(OPTIONAL_JSON_BODY[0]), 'json']

function isKept(name: string, value: unknown): boolean {
  if (!NO_EFFECT.has(name)) return true
  if (isEmpty(value)) return false
  throw new Refusal(
    'invalid_request',
    `${name} is LiteLLM's and has no effect in Tollgate; leave it out, or send it empty`,
    { param: name },
  )
}

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === false ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0)

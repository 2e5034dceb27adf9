import { nearest } from '../errors.ts'
import { PRICE_KEYS } from '../metering/prices.ts'
import {
  ENTRY_KEYS,
  GENERAL_KEYS,
  LITELLM_KEYS,
  PARAM_KEYS,
  PASS_THROUGH_KEYS,
  PRICE_PARAM_KEYS,
  ROUTER_KEYS,
  TOP_LEVEL_KEYS,
} from './keys.ts'
import { PLACE_KEYS } from './providers.ts'
import type { MapField, Reader } from './reader.ts'
import { shownKey } from './yaml.ts'

type Section = {
  /** What Tollgate acts on. */
  readonly used: ReadonlySet<string>
  /** What is LiteLLM's and has no effect here. */
  readonly unused: ReadonlySet<string>
}

const NONE: ReadonlySet<string> = new Set()

/** Of `tollgate_settings` for every deployment, of `litellm_params` for one. */
const UPSTREAM_RULE_KEYS = [
  'connect_timeout',
  'idle_timeout',
  'total_timeout',
  'on_disconnect',
  'drain_timeout',
  'drain_max_tokens',
]

/** Of an entry of `exports`, whatever its type. */
const EXPORT_KEYS = ['name', 'type', 'since']

/** LiteLLM reads them in either place. */
const ROUTING_KEYS = [
  'allowed_fails',
  'cooldown_time',
  'fallbacks',
  'default_fallbacks',
  'context_window_fallbacks',
  'content_policy_fallbacks',
]

/**
 * The parts of the file; `entry` is one of `model_list`, `mapping` one of the user headers,
 * `webhook` one of `webhooks`, `pass_through` one of `pass_through_endpoints`, `meter` one of an
 * export's.
 */
export const SECTIONS = {
  file: {
    used: new Set([
      'model_list',
      'general_settings',
      'litellm_settings',
      'router_settings',
      'environment_variables',
      'tollgate_settings',
    ]),
    unused: TOP_LEVEL_KEYS,
  },
  entry: { used: new Set(['model_name', 'litellm_params', 'model_info']), unused: ENTRY_KEYS },
  litellm_params: {
    used: new Set([
      'model',
      'api_base',
      'base_url',
      'api_key',
      'timeout',
      ...UPSTREAM_RULE_KEYS,
      'num_retries',
      'max_retries',
      'weight',
      'rpm',
      'tpm',
      'max_parallel_requests',
      'extra_headers',
      'organization',
      'mock_response',
      'drop_params',
      'region_name',
      'base_model',
      'api_version',
      'azure_ad_token',
      'additional_drop_params',
      ...PLACE_KEYS,
      ...PRICE_KEYS,
    ]),
    unused: new Set([...PARAM_KEYS, ...PRICE_PARAM_KEYS]),
  },
  general_settings: {
    used: new Set([
      'master_key',
      'alerting',
      'user_header_name',
      'user_header_mappings',
      'budget_exceeded_status',
      'database_url',
      'pass_through_endpoints',
      'pass_through_request_timeout',
    ]),
    unused: GENERAL_KEYS,
  },
  litellm_settings: {
    used: new Set([
      'timezone',
      'request_timeout',
      'num_retries',
      'drop_params',
      'json_logs',
      ...ROUTING_KEYS,
      'max_end_user_budget',
      'max_end_user_budget_id',
    ]),
    unused: LITELLM_KEYS,
  },
  router_settings: {
    used: new Set(['num_retries', 'routing_strategy', ...ROUTING_KEYS]),
    unused: ROUTER_KEYS,
  },
  tollgate_settings: {
    used: new Set([
      'host',
      'port',
      'database',
      'durability',
      'webhook_url',
      'webhooks',
      'exports',
      'shutdown_timeout',
      'max_body_mb',
      'max_upload_mb',
      'max_uploads_mb',
      'body_timeout',
      'client_idle_timeout',
      'max_calls_in_flight',
      'max_bodies_mb',
      'budget_mode',
      'reserve_share',
      'min_output_tokens',
      'default_max_output_tokens',
      'allow_unpriced_models',
      'budget_thresholds',
      'week_start',
      'day_of_month',
      'require_customer',
      'known_customers_only',
      ...UPSTREAM_RULE_KEYS,
      'failed_auth_limit',
      'log_format',
      'log_level',
      'log_calls',
      'metrics_by_customer',
      'traces_with_customer',
      'portal',
      'credit',
      'rate_card',
    ]),
    unused: NONE,
  },
  credit: { used: new Set(['top_up_url', 'low_at']), unused: NONE },
  portal: { used: new Set(['name', 'accent', 'origins', 'url']), unused: NONE },
  stripe_export: {
    used: new Set([
      ...EXPORT_KEYS,
      'api_key',
      'api_base',
      'meters',
      'customer',
      'requests_per_second',
    ]),
    unused: NONE,
  },
  meter: { used: new Set(['event_name', 'value', 'model']), unused: NONE },
  cloudevents_export: {
    used: new Set([
      ...EXPORT_KEYS,
      'format',
      'url',
      'api_key',
      'event_type',
      'source',
      'customer',
      'batch_size',
    ]),
    unused: NONE,
  },
  csv_export: { used: new Set([...EXPORT_KEYS, 'directory']), unused: NONE },
  webhook: { used: new Set(['name', 'url', 'secret', 'secrets', 'events']), unused: NONE },
  pass_through: {
    used: new Set([
      'path',
      'target',
      'headers',
      'include_subpath',
      'forward_headers',
      'methods',
      'auth',
      'keys',
      'timeout',
    ]),
    unused: PASS_THROUGH_KEYS,
  },
  mapping: { used: new Set(['header_name', 'litellm_user_role']), unused: NONE },
} as const satisfies Record<string, Section>

/** Warns of each key that has no effect, and reports each that nobody knows. */
export function checkKeys(reader: Reader, map: MapField, name: keyof typeof SECTIONS) {
  const section: Section = SECTIONS[name]
  for (const [key, { line }] of map.setting.entries) {
    if (section.used.has(key)) continue
    const path = map.name === '' ? shownKey(key) : `${map.name}.${shownKey(key)}`
    if (section.unused.has(key)) {
      reader.report.warning(line, `${path} is LiteLLM's and has no effect in Tollgate yet`)
      continue
    }
    const advice = rightPlace(key, section)
    // LiteLLM hands what it does not know to the provider, so here any key may be right.
    if (name === 'litellm_params' && advice === null) {
      const what = 'is not known to Tollgate and has no effect: it is not sent to the provider'
      reader.report.warning(line, `${path} ${what}`)
    } else {
      const hint = advice ?? 'remove it, or see config.example.yaml for what there is'
      reader.report.problem(line, `${path} is not a setting of Tollgate or LiteLLM; ${hint}`)
    }
  }
}

/** What a key that is in no list was probably meant to be. */
function rightPlace(key: string, section: Section): string | null {
  const isParams = section === SECTIONS.litellm_params
  for (const [name, { used }] of Object.entries<Section>(SECTIONS)) {
    if (!isParams && name.endsWith('_settings') && used.has(key)) return `it belongs under ${name}`
  }
  const meant = nearest(key, isParams ? section.used : [...section.used, ...section.unused])
  return meant === null ? null : `did you mean ${meant}?`
}

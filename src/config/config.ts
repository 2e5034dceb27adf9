import type { BudgetMode } from '../ledger/budget.ts'
import type { EventName } from '../ledger/event-name.ts'
import type { Nanos } from '../ledger/money.ts'
import type { Price, ServicePrices } from '../metering/price.ts'
import type { CreditRules } from './credit.ts'
import type { ExporterConfig } from './exporter.ts'
import type { Observing } from './observing.ts'
import type { Portal } from './portal.ts'

/** How patient the gateway is with an upstream, and what it does where the two do not fit. */
export type UpstreamRules = {
  /** To a connection, milliseconds. */
  readonly connectTimeoutMs: number
  /** Between two pieces of an answer, milliseconds. Null: as long as to its first byte. */
  readonly idleTimeoutMs: number | null
  /** For the whole of an answer, milliseconds. */
  readonly totalTimeoutMs: number
  /**
   * How often a call that failed before its first byte is sent again. Null: once to each other
   * deployment of the model, at most twice.
   */
  readonly retriesMax: number | null
  /**
   * `abort`: the upstream is broken off when the client hangs up. `drain`: its answer is read to
   * the end, for upstreams that charge for all of it in any case.
   */
  readonly onDisconnect: 'abort' | 'drain'
  /** For reading on after the client has left, milliseconds. */
  readonly drainTimeoutMs: number
  /** Most of an answer, in tokens, that is read for a client that has left. */
  readonly drainTokensMax: number
  /** What a provider of another wire format has nothing for is left out, and not refused. */
  readonly dropsParams: boolean
}

/** In what an upstream that speaks OpenAI's format differs from others that do, in being asked. */
export type Dialect = {
  /** The header with the key; `authorization` has it after `Bearer `. */
  readonly keyHeader: 'authorization' | 'api-key'
  /** The `api-version` in each address; null: there is none. */
  readonly apiVersion: string | null
  /** A deployment of Azure's whose name stands in the address; null: in the body alone. */
  readonly pathDeployment: string | null
  /** What a chat is capped by for a client that caps none. */
  readonly chatCap: 'max_completion_tokens' | 'max_tokens'
  /** Whether it heeds `max_completion_tokens`; else a client's own becomes `max_tokens`. */
  readonly takesCompletionCap: boolean
  /** Whether a stream may be asked for its usage; else what a client asked for is left out. */
  readonly takesStreamOptions: boolean
  /** Other members of a body that it refuses, and that are left out. */
  readonly drops: readonly string[]
}

/** One entry of `model_list`, checked: an upstream that answers for a model name. */
export type DeploymentConfig = {
  /** Stable: `model_info.id`, or made of the entry's place and name. */
  readonly id: string
  /** What clients ask for. */
  readonly modelName: string
  /** `openai`, `groq`, … or `demo`: what stood before the slash in `litellm_params.model`. */
  readonly provider: string
  /** What the upstream is asked for. */
  readonly upstreamModel: string
  /** What it is, for its price and its tokens: `model_info.base_model`, or what it is called. */
  readonly pricedAs: { readonly provider: string; readonly model: string }
  readonly dialect: Dialect
  /**
   * Without a trailing slash, up to and including `/v1` where the provider has one. Null: demo and
   * mock.
   */
  readonly apiBase: string | null
  readonly apiKey: string | null
  /** Sent upstream with every call. */
  readonly extraHeaders: Readonly<Record<string, string>>
  /** Answer this without asking anyone; null: ask. */
  readonly mockResponse: string | null
  /** Prices of the config, complete; null: look the model up in the price data. */
  readonly price: Price | null
  /** Prices of the config for service tiers. */
  readonly services: ServicePrices
  /** From the call to the first byte of its answer, milliseconds. */
  readonly timeoutMs: number
  readonly rules: UpstreamRules
  /**
   * `model_info.region`, or `litellm_params.region_name`: `eu`, `us` … lower case; null: not
   * stated.
   */
  readonly region: string | null
  /**
   * `model_info.max_output_tokens`, or `max_tokens` there: the largest answer; null: not stated.
   */
  readonly outputTokensMax: number | null
  /** `model_info.max_input_tokens`: the longest prompt; null: not stated. */
  readonly inputTokensMax: number | null
  /** Its share of the calls beside others of its model; null: as `rpm` or `tpm` say, or 1. */
  readonly weight: number | null
  /** Calls and tokens that it takes in any minute; null: any number. */
  readonly rpm: number | null
  readonly tpm: number | null
  /** Calls that it takes at once; null: any number. */
  readonly parallelMax: number | null
  /** Passed on as it is by `/model/info`. */
  readonly modelInfo: Readonly<Record<string, unknown>>
  /** Line of the entry in the file, from 1. */
  readonly line: number
}

/** A path whose requests are forwarded as they are, unmetered. */
export type PassThrough = {
  /** Begins with a slash, and ends without one. */
  readonly path: string
  /** Where it goes to, without a slash at the end. */
  readonly target: string
  /** Whether what is below the path goes to what is below the target. */
  readonly includesBelow: boolean
  /** In upper case. */
  readonly methods: readonly string[]
  /** Sent with each, in place of the client's own; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Whether the client's other headers go along, and not only those that describe the body. */
  readonly forwardsHeaders: boolean
  /** Whether virtual keys may use it; else it is the master key's. */
  readonly isForKeys: boolean
  /** To the first byte of an answer, milliseconds. */
  readonly timeoutMs: number
}

/** How a call is sent from one deployment, or one model, to another. */
export type RoutingRules = {
  readonly strategy: 'simple-shuffle' | 'least-busy' | 'latency-based-routing'
  /** Failures of a deployment within a minute that are let pass. */
  readonly allowedFails: number
  /** How long one that has failed more often is left alone, milliseconds. */
  readonly cooldownMs: number
  /** By model: others to be asked, in turn, when it has failed. */
  readonly fallbacks: ReadonlyMap<string, readonly string[]>
  /** For models without fallbacks of their own. */
  readonly defaultFallbacks: readonly string[]
  /** When the prompt is too long for the model. */
  readonly contextWindowFallbacks: ReadonlyMap<string, readonly string[]>
  /** When its content filter refuses it. */
  readonly contentPolicyFallbacks: ReadonlyMap<string, readonly string[]>
}

/** How budgets are enforced, where a budget does not say so itself. */
export type BudgetRules = {
  readonly mode: BudgetMode
  /** Most of what remains that a call without a cap of its own may hold, above 0 and up to 1. */
  readonly reserveShare: number
  /** A call is refused rather than capped below so many output tokens. */
  readonly outputTokensMin: number
  /** Assumed of a model whose largest answer nobody knows; sent upstream as its cap, tokens. */
  readonly outputTokensMaxDefault: number
  /** Whether a model without a price may be called by a customer with a budget, uncounted. */
  readonly allowUnpriced: boolean
  /** Shares of `max_budget` at which `threshold_crossed` is told, ascending. */
  readonly thresholds: readonly number[]
  /** For customers without a budget: this tier, or else these dollars. Null: no limit. */
  readonly defaultBudgetId: string | null
  readonly defaultMaxBudget: Nanos | null
  /** IANA zone that calendar periods are counted in. */
  readonly timezone: string
  /** ISO: 1 is Monday. */
  readonly weekStart: 1 | 2 | 3 | 4 | 5 | 6 | 7
  /** 1 to 31. */
  readonly dayOfMonth: number
  /** Refuse calls that name no customer. */
  readonly requireCustomer: boolean
  /** Refuse customers that were never created. */
  readonly knownCustomersOnly: boolean
}

/** A receiver of events. */
export type WebhookConfig = {
  /** `default` is the one of `WEBHOOK_URL`. */
  readonly name: string
  readonly url: string
  /** `whsec_…`, each of which signs; none: it is sent unsigned. */
  readonly secrets: readonly string[]
  /** Null: all. */
  readonly events: readonly EventName[] | null
}

/** Everything that can be set, from flags, environment and file, with defaults filled in. */
export type Config = {
  readonly host: string
  readonly port: number
  /** Path of the SQLite file. */
  readonly databasePath: string
  /** What a charge survives once it is written: the death of the process, or of the power. */
  readonly durability: 'process' | 'power'
  /** Null: none was set; the server then makes one and keeps it beside the database. */
  readonly masterKey: string | null
  /** In the order of the file; several may share a `modelName`. */
  readonly deployments: readonly DeploymentConfig[]
  readonly passThroughs: readonly PassThrough[]
  /** Header whose value names the customer (`general_settings.user_header_name`), lower case. */
  readonly userHeaderName: string | null
  /** Headers mapped to the customer (`general_settings.user_header_mappings`), lower case. */
  readonly customerHeaders: readonly string[]
  /** HTTP status of an over-budget answer. */
  readonly budgetExceededStatus: number
  /** Who is told of events, each name once. */
  readonly webhooks: readonly WebhookConfig[]
  /** Where the ledger's rows are sent, each name once. */
  readonly exports: readonly ExporterConfig[]
  readonly budgets: BudgetRules
  readonly observing: Observing
  /** The page of one customer. */
  readonly portal: Portal
  /** Credit that customers pay in advance. */
  readonly credit: CreditRules
  /** The rate card of whoever has no other, as JSON (`metering/rate-card.ts`). Null: none. */
  readonly rateCard: string | null
  readonly routing: RoutingRules
  /** How long calls in flight may take to finish after SIGTERM, milliseconds. */
  readonly shutdownTimeoutMs: number
  /** Largest body of a call, bytes. */
  readonly bodyBytesMax: number
  readonly uploads: {
    /** The largest form with files, bytes. */
    readonly bytesMax: number
    /** How long it may take to arrive, milliseconds. */
    readonly timeoutMs: number
    /** Of all such forms together, bytes. */
    readonly diskBytesMax: number
  }
  /** Wrong keys in a minute from one address before more are answered 429; 0: any number. */
  readonly failedAuthLimit: number
  /** How long the body of a call may take to arrive, milliseconds. */
  readonly bodyTimeoutMs: number
  /** How long a client may leave a stream unread, milliseconds. */
  readonly clientIdleMs: number
  /** Bodies of the calls in flight, bytes together. */
  readonly bodiesBytesMax: number
  /** Calls at once, over all customers. */
  readonly callsInFlightMax: number
  /** Things that are worth saying and do not stop the server, each with its place. */
  readonly warnings: readonly string[]
}

import type { Price } from '../metering/price.ts'

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
  /** From the upstream's answer to the first byte, milliseconds. */
  readonly timeoutMs: number
  /** Passed on as it is by `/model/info`. */
  readonly modelInfo: Readonly<Record<string, unknown>>
  /** Line of the entry in the file, from 1. */
  readonly line: number
}

/** Everything that can be set, from flags, environment and file, with defaults filled in. */
export type Config = {
  readonly host: string
  readonly port: number
  /** Path of the SQLite file. */
  readonly databasePath: string
  /** Null: none was set; the server then makes one and keeps it beside the database. */
  readonly masterKey: string | null
  /** In the order of the file; several may share a `modelName`. */
  readonly deployments: readonly DeploymentConfig[]
  /** Header whose value names the customer (`general_settings.user_header_name`), lower case. */
  readonly userHeaderName: string | null
  /** Headers mapped to the customer (`general_settings.user_header_mappings`), lower case. */
  readonly customerHeaders: readonly string[]
  /** HTTP status of an over-budget answer. */
  readonly budgetExceededStatus: number
  /** Where events are POSTed; null: nowhere (`alerting` without `webhook`, or no `WEBHOOK_URL`). */
  readonly webhookUrl: string | null
  /** IANA zone that calendar periods are counted in. */
  readonly timezone: string
  /** How long calls in flight may take to finish after SIGTERM, milliseconds. */
  readonly shutdownTimeoutMs: number
  /** Largest body of a call, bytes. */
  readonly bodyBytesMax: number
  /** Things that are worth saying and do not stop the server, each with its place. */
  readonly warnings: readonly string[]
}

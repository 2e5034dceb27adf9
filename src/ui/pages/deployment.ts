/** `GET /model/info`, each of its `data`. */
export type Deployment = {
  readonly model_name: string
  readonly litellm_params: {
    readonly model: string
    readonly api_base?: string
    readonly weight?: number
    readonly rpm?: number
    readonly tpm?: number
    readonly max_parallel_requests?: number
  }
  readonly model_info: Readonly<Record<string, unknown>> & {
    readonly id: string
    /** Null: there is no price. */
    readonly price_source: string | null
    readonly config_line?: number
  }
  readonly health: {
    readonly cooldown_until: string | null
    readonly last_failure: { readonly at: string; readonly error: string } | null
    readonly calls_in_flight: number
    readonly first_byte_ms: number | null
  }
}

export type Deployments = { readonly data: readonly Deployment[] }

export const isPriced = ({ model_info }: Deployment): boolean => model_info.price_source !== null

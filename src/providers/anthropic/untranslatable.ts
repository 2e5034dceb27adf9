import { Refusal } from '../../errors.ts'

/**
 * What of a call in OpenAI's shape Anthropic has nothing for: refused by name, or (LiteLLM's
 * `drop_params`) left out.
 */
export class Untranslatable {
  readonly #drops: boolean

  constructor(drops: boolean) {
    this.#drops = drops
  }

  /** Throws `invalid_request`, or says nothing: then the field is to be left out. */
  refuse(param: string, why: string): void {
    if (this.#drops) return
    const way = '`litellm_settings.drop_params: true` would leave it out'
    throw wrong(param, `${why}; ${way}`)
  }
}

/** A field that is no more right for OpenAI: dropping it would change what was asked. */
export const wrong = (param: string, why: string): Refusal =>
  new Refusal('invalid_request', `\`${param}\` ${why}.`, { param })

/** What was sent, for a sentence. */
export const shown = (value: unknown): string =>
  value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 100)

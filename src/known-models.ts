import { outputTokensMax } from './metering/limits.ts'
import { builtInPrice } from './metering/prices.ts'

/** What is known of models besides the config, as of now. */
export const KNOWN_MODELS = {
  builtInPrice: (provider: string, model: string) => builtInPrice(provider, model, Date.now()),
  outputTokensMax,
}

import type { Encode } from '../metering/tokens.ts'

/**
 * How many unusual words the encoder remembers. Few, because users choose them, and because once
 * its memory is full each word costs a walk through it: at its default of 100,000 a hostile
 * megabyte takes many seconds, at 10,000 still two, at 1,000 a tenth of one.
 */
const WORDS_KEPT_MAX = 1_000

/** Nothing in a text is a special token: `<|endoftext|>` from a user is text, and no error. */
const AS_TEXT = { disallowedSpecial: new Set<string>() }

/** OpenAI's models before gpt-4o. */
const CL100K_MODELS =
  /(?:^|[/:])(?:gpt-4(?![.o\d])|gpt-3\.?5|text-embedding-|(?:davinci|babbage)-002)/

const loading = new Map<string, Promise<Encode>>()

/**
 * Counts tokens as the model would: exactly for OpenAI's, and with the tokenizer of its newer ones
 * for all others, which publish none. Loaded when first asked for, as that takes half a second and
 * 80 MB, and then kept.
 */
export function tokenizerFor(model: string): Promise<Encode> {
  const name = CL100K_MODELS.test(model) ? 'cl100k_base' : 'o200k_base'
  const known = loading.get(name)
  if (known !== undefined) return known
  const loaded = name === 'cl100k_base' ? loadCl100k() : loadO200k()
  loading.set(name, loaded)
  return loaded
}

const loadCl100k = async () => encodeOf(await import('gpt-tokenizer/encoding/cl100k_base'))
const loadO200k = async () => encodeOf(await import('gpt-tokenizer/encoding/o200k_base'))

type Encoding = {
  readonly countTokens: (text: string, options: typeof AS_TEXT) => number
  readonly setMergeCacheSize: (size: number) => void
}

function encodeOf({ default: encoding }: { default: Encoding }): Encode {
  encoding.setMergeCacheSize(WORDS_KEPT_MAX)
  return (text) => encoding.countTokens(text, AS_TEXT)
}

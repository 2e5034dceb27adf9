import { Refusal } from '../errors.ts'
import { CHAT_WIRE, COMPLETIONS_WIRE } from '../metering/chat-wire.ts'
import { EMBEDDINGS_WIRE, MODERATIONS_WIRE } from '../metering/list-wires.ts'
import { RESPONSES_WIRE } from '../metering/responses-wire.ts'
import type { Json, Wire } from '../metering/wire.ts'

/** What differs between the metered endpoints; everything else is the same for all of them. */
export type Endpoint = {
  /** Below the base URL: `/chat/completions`. */
  readonly path: string
  readonly wire: Wire
  /** Members of the body with which a client caps the answer; none: nothing is written. */
  readonly caps: readonly string[]
  /** The member that caps it for a client that sent none; a chat's is the upstream's to say. */
  readonly capFor: (chatCap: string) => string | null
  /** What a call without a cap is capped at anyway, by the endpoint's own rule; null: nothing. */
  readonly capUnsaid: number | null
  /** How many answers of that length a call asks for. Throws `invalid_request`. */
  readonly choices: (json: Json) => number
  /** Whether a stream tells its usage only when it is asked to (`stream_options`). */
  readonly asksForUsage: boolean
  /** Whether its upstream may keep an answer, to be fetched again or gone on from. */
  readonly keepsAnswers: boolean
}

/** More choices than any provider gives. */
const CHOICES_MAX = 128

const one = () => 1

const CHAT: Endpoint = {
  path: '/chat/completions',
  wire: CHAT_WIRE,
  caps: ['max_completion_tokens', 'max_tokens'],
  capFor: (chatCap) => chatCap,
  capUnsaid: null,
  choices: (json) => choicesOf(json, 'n'),
  asksForUsage: true,
  keepsAnswers: false,
}

const COMPLETIONS: Endpoint = {
  path: '/completions',
  wire: COMPLETIONS_WIRE,
  caps: ['max_tokens'],
  capFor: () => 'max_tokens',
  capUnsaid: null,
  choices: (json) =>
    Math.max(choicesOf(json, 'n'), choicesOf(json, 'best_of')) * promptsIn(json['prompt']),
  asksForUsage: true,
  keepsAnswers: false,
}

const RESPONSES: Endpoint = {
  path: '/responses',
  wire: RESPONSES_WIRE,
  caps: ['max_output_tokens'],
  capFor: () => 'max_output_tokens',
  capUnsaid: null,
  choices: one,
  asksForUsage: false,
  keepsAnswers: true,
}

const EMBEDDINGS: Endpoint = {
  path: '/embeddings',
  wire: EMBEDDINGS_WIRE,
  caps: [],
  capFor: () => null,
  capUnsaid: 0,
  choices: one,
  asksForUsage: false,
  keepsAnswers: false,
}

const MODERATIONS: Endpoint = { ...EMBEDDINGS, path: '/moderations', wire: MODERATIONS_WIRE }

/** Those whose body is JSON. */
export const ENDPOINTS = { CHAT, COMPLETIONS, RESPONSES, EMBEDDINGS, MODERATIONS } as const

const choicesOf = (json: Json, name: string): number =>
  wholeNumber(json, name, { least: 1, most: CHOICES_MAX }) ?? 1

/** A list of texts, or of lists of tokens, is a list of prompts; each is answered. */
function promptsIn(prompt: unknown): number {
  if (!Array.isArray(prompt) || typeof prompt[0] === 'number') return 1
  return Math.max(1, prompt.length)
}

/** A member that is a whole number; null: it is not there. Throws `invalid_request`. */
export function wholeNumber(
  json: Json,
  name: string,
  { least, most }: { readonly least: number; readonly most: number },
): number | null {
  const value = json[name] ?? null
  if (value === null) return null
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) {
    return value as number
  }
  const got = JSON.stringify(value).slice(0, 100)
  const message = `\`${name}\` must be a whole number from ${least} to ${most}, got ${got}.`
  throw new Refusal('invalid_request', message, { param: name })
}

import { Refusal } from '../errors.ts'
import { CHAT_WIRE, COMPLETIONS_WIRE } from '../metering/chat-wire.ts'
import { EMBEDDINGS_WIRE, MODERATIONS_WIRE } from '../metering/list-wires.ts'
import type { Media } from '../metering/media.ts'
import { MESSAGES_WIRE } from '../metering/messages-wire.ts'
import { RESPONSES_WIRE } from '../metering/responses-wire.ts'
import type { Json, Wire } from '../metering/wire.ts'
import * as media from './media-endpoints.ts'

/** What differs between the metered endpoints; everything else is the same for all of them. */
export type Endpoint = {
  /** Below the base URL: `/chat/completions`. */
  readonly path: string
  /** Whose clients call it. */
  readonly format: 'openai' | 'anthropic'
  readonly wire: Wire
  /** Members of the body with which a client caps the answer; none: nothing is written. */
  readonly caps: readonly string[]
  /** The member that caps it for a client that sent none; a chat's is the upstream's to say. */
  readonly capFor: (chatCap: string) => string | null
  /** Other members that must be as given here when the answer is capped at so many tokens. */
  readonly fitTo: (json: Json, cap: number) => Readonly<Record<string, unknown>>
  /** What a call without a cap is capped at anyway, by the endpoint's own rule; null: nothing. */
  readonly capUnsaid: number | null
  /** How many answers of that length a call asks for. Throws `invalid_request`. */
  readonly choices: (json: Json) => number
  /** Whether a stream tells its usage only when it is asked to (`stream_options`). */
  readonly asksForUsage: boolean
  /** Whether its upstream may keep an answer, to be fetched again or gone on from. */
  readonly keepsAnswers: boolean
  /** How it is priced and counted where that is not by the tokens of texts alone. */
  readonly media?: Media
  /** Members of the body that are for the gateway, and that its upstream would not know. */
  readonly ours?: readonly string[]
  /** Members with which a call has another model work for it, whose usage is not ours to see. */
  readonly billsBesides?: readonly string[]
  /** Whether its body is a form with files (`multipart/form-data`) and not JSON. */
  readonly isForm?: true
  /** Whether its files are sound, whose length matters. */
  readonly hearsSound?: true
}

/** More choices than any provider gives. */
const CHOICES_MAX = 128

const one = () => 1
const nothingElse = () => ({})

const CHAT: Endpoint = {
  path: '/chat/completions',
  format: 'openai',
  wire: CHAT_WIRE,
  caps: ['max_completion_tokens', 'max_tokens'],
  capFor: (chatCap) => chatCap,
  fitTo: thinkingWithin,
  capUnsaid: null,
  choices: (json) => choicesOf(json, 'n'),
  asksForUsage: true,
  keepsAnswers: false,
}

/** Anthropic's own. */
const MESSAGES: Endpoint = {
  path: '/messages',
  format: 'anthropic',
  wire: MESSAGES_WIRE,
  caps: ['max_tokens'],
  capFor: () => 'max_tokens',
  fitTo: thinkingWithin,
  capUnsaid: null,
  choices: one,
  asksForUsage: false,
  keepsAnswers: false,
}

const COMPLETIONS: Endpoint = {
  path: '/completions',
  format: 'openai',
  wire: COMPLETIONS_WIRE,
  caps: ['max_tokens'],
  capFor: () => 'max_tokens',
  fitTo: nothingElse,
  capUnsaid: null,
  choices: (json) =>
    Math.max(choicesOf(json, 'n'), choicesOf(json, 'best_of')) * promptsIn(json['prompt']),
  asksForUsage: true,
  keepsAnswers: false,
}

const RESPONSES: Endpoint = {
  path: '/responses',
  format: 'openai',
  wire: RESPONSES_WIRE,
  caps: ['max_output_tokens'],
  capFor: () => 'max_output_tokens',
  fitTo: nothingElse,
  capUnsaid: null,
  choices: one,
  asksForUsage: false,
  keepsAnswers: true,
}

const EMBEDDINGS: Endpoint = {
  path: '/embeddings',
  format: 'openai',
  wire: EMBEDDINGS_WIRE,
  caps: [],
  capFor: () => null,
  fitTo: nothingElse,
  capUnsaid: 0,
  choices: one,
  asksForUsage: false,
  keepsAnswers: false,
}

const MODERATIONS: Endpoint = { ...EMBEDDINGS, path: '/moderations', wire: MODERATIONS_WIRE }

export const ENDPOINTS = {
  CHAT,
  COMPLETIONS,
  RESPONSES,
  EMBEDDINGS,
  MODERATIONS,
  MESSAGES,
  IMAGES: media.IMAGES,
  IMAGE_EDITS: media.IMAGE_EDITS,
  SPEECH: media.SPEECH_ENDPOINT,
  TRANSCRIPTIONS: media.TRANSCRIPTIONS,
  TRANSLATIONS: media.TRANSLATIONS,
} as const

/** How long the prompt of a call of `/messages` is, which Anthropic tells free of charge. */
export const COUNT_TOKENS: Endpoint = { ...MESSAGES, path: `${MESSAGES.path}/count_tokens` }

/** Paths whose clients read errors in Anthropic's shape, below the base URL. */
export const ANTHROPIC_PATHS: readonly string[] = [MESSAGES.path, COUNT_TOKENS.path]

/** Anthropic takes no fewer tokens to think for, and only fewer than the answer may have. */
const THINKING_MIN = 1_024

/** A client's own number of tokens to think for, so that it fits a cap that was lowered. */
function thinkingWithin({ thinking }: Json, cap: number): Readonly<Record<string, unknown>> {
  const { type, budget_tokens: tokens } = (thinking ?? {}) as Record<string, unknown>
  if (type !== 'enabled' || typeof tokens !== 'number' || tokens < cap) return {}
  if (cap <= THINKING_MIN) return { thinking: { type: 'disabled' } }
  const fewer = Math.max(THINKING_MIN, Math.floor(cap / 2))
  return { thinking: { ...(thinking as Json), budget_tokens: fewer } }
}

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

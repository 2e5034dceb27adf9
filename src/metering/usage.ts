/**
 * Every kind of token that has a price of its own. The kinds are disjoint: a token is counted under
 * exactly one of them, so that usage times price is a plain sum and nothing is billed twice.
 */
export const KINDS = [
  'input',
  'cachedInput',
  'cacheWrite',
  'inputAudio',
  'output',
  'reasoning',
  'outputAudio',
] as const

export type Kind = (typeof KINDS)[number]

/** Tokens of one call by kind, each a whole number from 0. */
export type Usage = Readonly<Record<Kind, number>>

export const NO_USAGE: Usage = {
  input: 0,
  cachedInput: 0,
  cacheWrite: 0,
  inputAudio: 0,
  output: 0,
  reasoning: 0,
  outputAudio: 0,
}

/** Everything that was read: what OpenAI calls `prompt_tokens`. */
export const inputTokens = (usage: Usage): number =>
  usage.input + usage.cachedInput + usage.cacheWrite + usage.inputAudio

/** Everything that was written: what OpenAI calls `completion_tokens`. */
export const outputTokens = (usage: Usage): number =>
  usage.output + usage.reasoning + usage.outputAudio

import { usageFromOpenAI } from './usage.ts'
import type { Wire } from './wire.ts'

/** Answers that are a list and write no text. What OpenAI's has no usage of is counted by us. */
const listIn = (member: string): Wire => ({
  isAnswer: (json) => Array.isArray(json[member]),
  usageOf: (answer) => usageFromOpenAI(answer['usage']),
  textOf: () => '',
  stream: null,
})

/** `/embeddings` (https://platform.openai.com/docs/api-reference/embeddings). */
export const EMBEDDINGS_WIRE = listIn('data')

/** `/moderations` (https://platform.openai.com/docs/api-reference/moderations). */
export const MODERATIONS_WIRE = listIn('results')

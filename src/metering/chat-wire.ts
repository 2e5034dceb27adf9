import { deliveredText, errorMessage } from './delivered.ts'
import { inputTokens, outputTokens, type Usage, usageFromOpenAI } from './usage.ts'
import { eventText, type Json, modelOf, type StreamWire, serviceOf, type Wire } from './wire.ts'

/** Chunks of `/chat/completions` and of `/completions`; `choice` is what the last one adds. */
const chunksOf = (lastChoice: Json): StreamWire => ({
  mayTell: ({ text, data }) => hasUsage(data) || hasError(data) || isNamedError(text),
  tell(json, { text, data }) {
    const isError = isNamedError(text) || (hasError(data) && isErrorIn(json))
    const choices = json?.['choices']
    const isUsageAlone =
      hasUsage(data) && !isError && Array.isArray(choices) && choices.length === 0
    return {
      usage: usageFromOpenAI(usageIn(json)),
      service: json === null ? null : serviceOf(json),
      model: json === null ? null : modelOf(json),
      isError,
      isUsageAlone,
    }
  },
  textOf: deliveredText,
  errorOf: errorMessage,
  frameOf({ choices, usage, obfuscation, ...frame }) {
    // Azure's first chunk tells of the prompt, and has neither id nor model.
    return Array.isArray(choices) && choices.length === 0 ? null : frame
  },
  endAtCap({ frame, usage }) {
    const last = [{ index: 0, ...lastChoice, finish_reason: 'length' }]
    const chunks: Json[] = [{ ...frame, choices: last }]
    if (usage !== null) chunks.push({ ...frame, choices: [], usage: usageJson(usage) })
    return `${chunks.map((chunk) => eventText(null, chunk)).join('')}data: [DONE]\n\n`
  },
  errorEvent(error, upstream) {
    const { id, object, created, model, choices } = upstream ?? {}
    const chunk = Array.isArray(choices) ? { id, object, created, model, choices } : {}
    return eventText(null, { ...chunk, ...error })
  },
})

const completions = (lastChoice: Json): Wire => ({
  isAnswer: (json) => Array.isArray(json['choices']) || usageFromOpenAI(json['usage']) !== null,
  usageOf: (answer) => usageFromOpenAI(answer['usage']),
  textOf: deliveredText,
  stream: chunksOf(lastChoice),
})

/** `/chat/completions` (https://platform.openai.com/docs/api-reference/chat). */
export const CHAT_WIRE = completions({ delta: {}, logprobs: null })

/** `/completions` (https://platform.openai.com/docs/api-reference/completions). */
export const COMPLETIONS_WIRE = completions({ text: '', logprobs: null })

const usageJson = (usage: Usage) => {
  const [prompt, completion] = [inputTokens(usage), outputTokens(usage)]
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  }
}

/** Whether a chunk has a usage that is not null; text that quotes one has its quotes escaped. */
const hasUsage = (data: string): boolean =>
  data.includes('"usage"') && /"usage"\s*:\s*\{/.test(data)

/**
 * A chunk's usage. Who was not asked for it, or does not take the question, may have it elsewhere:
 * Groq in `x_groq` (https://console.groq.com/docs/api-reference), Moonshot in the last choice.
 */
function usageIn(json: Json | null): unknown {
  const { usage, x_groq: groq, choices } = json ?? {}
  const [choice] = Array.isArray(choices) ? choices : []
  return usage ?? (groq as Json | undefined)?.['usage'] ?? (choice as Json | undefined)?.['usage']
}

/** The same for an error, which may yet be one of a part of the answer. */
const hasError = (data: string): boolean =>
  data.includes('"error"') && /"error"\s*:\s*[{"[]/.test(data)

/** Whether the event's own name is `error`, whatever it says then; names come before data. */
const isNamedError = (event: string): boolean =>
  !event.startsWith('data:') && /^event: ?error\b/m.test(event)

/** Of what has an error somewhere; Gemini sends its own in a list. */
const isErrorIn = (json: Json | null): boolean =>
  json === null || Array.isArray(json) || errorMessage(json) !== null

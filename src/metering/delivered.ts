/** The text that an answer or a chunk of one hands to the client, over all its choices. */
export function deliveredText(json: Readonly<Record<string, unknown>>): string {
  const choices = Array.isArray(json['choices']) ? json['choices'] : []
  return choices.map((choice) => textOfChoice(choice ?? {})).join('')
}

function textOfChoice(choice: Record<string, unknown>): string {
  const message = (choice['delta'] ?? choice['message'] ?? choice) as Record<string, unknown>
  const { content, reasoning_content, reasoning, refusal, text } = message
  const texts = [content, reasoning_content ?? reasoning, refusal, text]
  const calls = Array.isArray(message['tool_calls']) ? message['tool_calls'] : []
  for (const call of [...calls, { function: message['function_call'] }]) {
    const { name, arguments: given } = (call?.function ?? {}) as Record<string, unknown>
    texts.push(name, given)
  }
  return texts.filter((text) => typeof text === 'string').join('')
}

/** What went wrong, when a chunk is an error in place of an answer; else null. */
export function errorMessage(json: Readonly<Record<string, unknown>>): string | null {
  const error = json['error']
  if (error === undefined || error === null) return null
  if (typeof error === 'string') return error
  const { message } = error as { message?: unknown }
  return typeof message === 'string' ? message : JSON.stringify(error)
}

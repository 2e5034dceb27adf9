/**
 * OpenAI's wire format of chat completions: pure, from what is said to the JSON of it.
 * https://platform.openai.com/docs/api-reference/chat/object
 * https://platform.openai.com/docs/api-reference/chat-streaming
 */

/** Tokens of an answer. The kinds are disjoint, as they are priced; OpenAI's sums are made of them. */
export type Tokens = {
  readonly input: number
  readonly cachedInput: number
  readonly cacheWrite: number
  readonly inputAudio: number
  readonly output: number
  readonly reasoning: number
  readonly outputAudio: number
}

export const NO_TOKENS: Tokens = {
  input: 0,
  cachedInput: 0,
  cacheWrite: 0,
  inputAudio: 0,
  output: 0,
  reasoning: 0,
  outputAudio: 0,
}

/** Cached and audio tokens are part of the prompt's, reasoning and audio of the completion's. */
export function wireUsage(tokens: Tokens) {
  const { input, cachedInput, cacheWrite, inputAudio, output, reasoning, outputAudio } = tokens
  const prompt = input + cachedInput + cacheWrite + inputAudio
  const completion = output + reasoning + outputAudio
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: cachedInput,
      ...(cacheWrite === 0 ? {} : { cache_write_tokens: cacheWrite }),
      audio_tokens: inputAudio,
    },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      audio_tokens: outputAudio,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}

/** What one delta carries; each is one token of the output. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  /** A tool call begins: `arguments` is empty here, and follows in pieces of its own. */
  | { readonly kind: 'tool'; readonly index: number; readonly id: string; readonly name: string }
  | { readonly kind: 'arguments'; readonly index: number; readonly text: string }

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter'

/** One answer, before it is known whether it is streamed. */
export type Completion = {
  readonly id: string
  /** Seconds since the epoch. */
  readonly created: number
  readonly model: string
  /** `n` of the request: each choice says the same. */
  readonly choices: number
  readonly pieces: readonly Piece[]
  readonly finish: FinishReason
  /** The one that it was made in. */
  readonly serviceTier: string
}

const FINGERPRINT = 'fp_tollgate01'

/** The members of `usage` as they are sent: `{}` leaves it out, `{ usage: null }` says null. */
export type UsageMember = { readonly usage?: unknown }

export function completionJson(completion: Completion, usage: UsageMember) {
  const { id, created, model, pieces, finish } = completion
  const choice = (index: number) => ({
    index,
    message: messageOf(pieces),
    logprobs: null,
    finish_reason: finish,
  })
  return {
    id,
    object: 'chat.completion',
    created,
    model,
    choices: Array.from({ length: completion.choices }, (_, index) => choice(index)),
    ...usage,
    service_tier: completion.serviceTier,
    system_fingerprint: FINGERPRINT,
  }
}

function messageOf(pieces: readonly Piece[]) {
  let text: string | null = null
  const calls: { id: string; type: 'function'; function: { name: string; arguments: string } }[] =
    []
  for (const piece of pieces) {
    if (piece.kind === 'text') text = `${text ?? ''}${piece.text}`
    else if (piece.kind === 'arguments') calls[piece.index]!.function.arguments += piece.text
    else
      calls.push({ id: piece.id, type: 'function', function: { name: piece.name, arguments: '' } })
  }
  return {
    role: 'assistant',
    content: calls.length > 0 ? text : (text ?? ''),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    refusal: null,
    annotations: [],
  }
}

/** What the stream's chunks say of usage. */
export type StreamUsage = {
  /** Member of each chunk but the last: `{ usage: null }` when usage was asked for. */
  readonly others: UsageMember
  /** Member of the chunk that tells it, if one does. */
  readonly last: UsageMember | null
  /** Where it stands. OpenAI: in a chunk of its own, with no choices. Others: in the last with one. */
  readonly place: 'own chunk' | 'finish chunk'
}

/** The chunks of a stream: the role, the pieces, the finish reason, and the usage if it is told. */
export function chunksJson(
  completion: Completion,
  usage: StreamUsage,
  options: { readonly isObfuscated: boolean },
): object[] {
  const { id, created, model, pieces } = completion
  const frame = {
    id,
    object: 'chat.completion.chunk',
    created,
    model,
    service_tier: completion.serviceTier,
    system_fingerprint: FINGERPRINT,
  }
  const chunk = (
    index: number,
    delta: object,
    finish: FinishReason | null,
    member: UsageMember,
  ) => ({
    ...frame,
    choices: [{ index, delta, logprobs: null, finish_reason: finish }],
    ...member,
    ...(options.isObfuscated ? { obfuscation: paddingFor(JSON.stringify(delta)) } : {}),
  })
  const isInFinish = usage.place === 'finish chunk' && usage.last !== null
  const indexes = Array.from({ length: completion.choices }, (_, index) => index)
  const role = roleDelta(pieces)
  const chunks: object[] = indexes.map((index) => chunk(index, role, null, usage.others))
  for (const piece of pieces) {
    for (const index of indexes) chunks.push(chunk(index, deltaOf(piece), null, usage.others))
  }
  for (const index of indexes) {
    const isLast = index === completion.choices - 1
    const member = isInFinish && isLast ? usage.last : usage.others
    chunks.push(chunk(index, {}, completion.finish, member!))
  }
  if (usage.last !== null && !isInFinish) chunks.push({ ...frame, choices: [], ...usage.last })
  return chunks
}

/** The first delta of a choice; its content is null when only tools are called. */
const roleDelta = (pieces: readonly Piece[]) => ({
  role: 'assistant',
  content: pieces[0] === undefined || pieces[0].kind === 'text' ? '' : null,
  refusal: null,
})

function deltaOf(piece: Piece): object {
  if (piece.kind === 'text') return { content: piece.text }
  const { index } = piece
  if (piece.kind === 'arguments') {
    return { tool_calls: [{ index, function: { arguments: piece.text } }] }
  }
  const called = { name: piece.name, arguments: '' }
  return { tool_calls: [{ index, id: piece.id, type: 'function', function: called }] }
}

/** Random letters at OpenAI, so that a chunk's length does not tell the token's; here always the same. */
const PADDING = 'pV9xK2mTq7RbW4nZ'
const paddingFor = (delta: string): string => PADDING.slice(0, 1 + ((delta.length * 7) % 16))

/** How server-sent events are written down; all of these are allowed, and some upstream does each. */
export type EventStyle = {
  readonly lineEnd: '\n' | '\r\n'
  /** `data: x` or `data:x`. */
  readonly hasSpace: boolean
}

export const eventText = (data: string, { lineEnd, hasSpace }: EventStyle): string =>
  `data:${hasSpace ? ' ' : ''}${data}${lineEnd}${lineEnd}`

export const commentText = (text: string, { lineEnd }: EventStyle): string =>
  `: ${text}${lineEnd}${lineEnd}`

/** `GET /models`. */
export const modelsJson = (ids: readonly string[]) => ({
  object: 'list',
  data: ids.map(modelJson),
})

export const modelJson = (id: string) => ({
  id,
  object: 'model',
  created: 1_715_367_049,
  owned_by: 'system',
})

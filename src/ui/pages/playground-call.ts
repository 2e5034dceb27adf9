import { useEffect, useRef, useState } from 'preact/hooks'
import { messageOf, respond } from '../api.ts'
import { eventsIn } from '../live.ts'

/** A chat as it is sent to `/v1/chat/completions`. */
export type Chat = {
  readonly model: string
  readonly messages: readonly { readonly role: 'user'; readonly content: string }[]
  readonly stream: true
  readonly user?: string
  readonly max_tokens?: number
}

/** A call that has begun to be answered. */
export type Run = {
  readonly chat: Chat
  readonly callId: string
  readonly text: string
  readonly state: 'answering' | 'done' | 'stopped'
  /** What went wrong after it had begun. */
  readonly problem: string | null
}

/** The part of a chunk of OpenAI's stream that is read here, or an error in its place. */
type Chunk = {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[]
  readonly error?: { readonly message: string }
}

/**
 * Sends one call at a time, and shows its answer as it comes. `send` throws what the call was
 * refused with before it began.
 */
export function usePlaygroundCall() {
  const [run, setRun] = useState<Run | null>(null)
  const controller = useRef<AbortController | null>(null)
  useEffect(() => () => controller.current?.abort(), [])
  const change = (more: (before: Run) => Partial<Run>) =>
    setRun((before) => before && { ...before, ...more(before) })

  const send = async (chat: Chat) => {
    const own = new AbortController()
    controller.current = own
    setRun(null)
    try {
      const { headers, body } = await respond('/v1/chat/completions', {
        json: chat,
        signal: own.signal,
      })
      const callId = headers.get('x-tollgate-call-id') ?? ''
      setRun({ chat, callId, text: '', state: 'answering', problem: null })
      try {
        await read(body!, (text) => change((before) => ({ text: before.text + text })))
        change(() => ({ state: 'done' }))
      } catch (error) {
        if (own.signal.aborted) throw error
        change(() => ({ state: 'done', problem: messageOf(error) }))
      }
    } catch (error) {
      if (!own.signal.aborted) throw error
      change(() => ({ state: 'stopped' }))
    }
  }
  return { run, send, stop: () => controller.current?.abort() }
}

/** To its very end: the last byte waits until the charge is on disk. */
async function read(body: ReadableStream<Uint8Array>, onText: (text: string) => void) {
  let failure: string | null = null
  for await (const data of eventsIn(body)) {
    if (data === '[DONE]') continue
    const { choices, error } = JSON.parse(data) as Chunk
    if (error !== undefined) failure = error.message
    const text = choices?.[0]?.delta?.content ?? ''
    if (text !== '') onText(text)
  }
  if (failure !== null) throw new Error(failure)
}

/** The same call for a terminal. */
export function curlOf(chat: Chat, origin: string): string {
  const body = JSON.stringify(chat, null, 2).replaceAll("'", "'\\''")
  return [
    `curl -N ${origin}/v1/chat/completions \\`,
    '  -H "Authorization: Bearer $TOLLGATE_MASTER_KEY" \\',
    "  -H 'Content-Type: application/json' \\",
    `  -d '${body}'`,
  ].join('\n')
}

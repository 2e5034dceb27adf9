import { EventSourceParserStream } from 'eventsource-parser/stream'
import { useEffect, useState } from 'preact/hooks'
import { respond } from './api.ts'

/** What was used in a span of time; dollars and counts. */
export type Metrics = {
  readonly spend: number
  readonly cost: number
  readonly calls: number
  readonly failed_calls: number
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
}

/** `GET /spend/now`, and each event of `GET /spend/live`. */
export type Now = {
  readonly at: string
  readonly today: Metrics
  readonly month: Metrics
  readonly held: number
  readonly calls_in_flight: number
  readonly customers: number
  readonly events_pending: number
  readonly events_dead: number
}

const RETRY_MS = 3_000

/**
 * How things stand, as they change: server-sent events. Read by `fetch`, because an `EventSource`
 * cannot say that the console asks. Null until the first has come; `isLive` while connected.
 */
export function useLive(): { readonly now: Now | null; readonly isLive: boolean } {
  const [now, setNow] = useState<Now | null>(null)
  const [isLive, setLive] = useState(false)
  useEffect(() => {
    const controller = new AbortController()
    const { signal } = controller
    const follow = async () => {
      while (!signal.aborted) {
        try {
          const { body } = await respond('/spend/live', { signal })
          for await (const data of eventsIn(body!)) {
            setLive(true)
            setNow(JSON.parse(data) as Now)
          }
        } catch {
          // It is tried again below; the page says meanwhile that it is not live.
        }
        if (signal.aborted) return
        setLive(false)
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
    void follow()
    return () => controller.abort()
  }, [])
  return { now, isLive }
}

/** The `data` of each server-sent event of a body. */
export async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const text = new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>
  const reader = body.pipeThrough(text).pipeThrough(new EventSourceParserStream()).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield value.data
  }
}

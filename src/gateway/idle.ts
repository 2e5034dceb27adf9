import { logError } from '../log.ts'
import { setAlarm, takeBack } from './alarm.ts'

/** A watch over somebody who is waited for, now and then. */
export type Watch = {
  /** From now on it is waited for. */
  begin(): void
  /** It came. */
  end(): void
  /** There is nothing more to wait for. */
  stop(): void
}

/** Calls `expired` when somebody is waited for longer than `idleMs`; one alarm for all waits. */
export function watchWaiting(idleMs: number, expired: () => void): Watch {
  let since: number | null = null
  let alarm = setAlarm(idleMs, check)
  function check() {
    const leftMs = since === null ? idleMs : since + idleMs - performance.now()
    if (leftMs <= 0) expired()
    else alarm = setAlarm(leftMs, check)
  }
  return {
    begin() {
      since = performance.now()
    },
    end() {
      since = null
    },
    stop() {
      takeBack(alarm)
    },
  }
}

/** Where an answer's pieces go. */
export type Sink = {
  enqueue(piece: Uint8Array): void
  /** Whether more may be sent before the client is waited for. */
  isHungry(): boolean
  close(): void
}

/** Where they come from, one for each `pull`. */
export type Source = {
  pull(sink: Sink): Promise<void>
  /** The client is gone. */
  cancel(): Promise<void>
}

/**
 * A stream's source, whose client counts as gone when it has left the stream unread for `idleMs`:
 * a connection is held to the upstream for it, and TCP lets a client take nothing for as long as
 * it likes.
 */
export function untilUnread(source: Source, idleMs: number): UnderlyingDefaultSource<Uint8Array> {
  let client: Watch
  let sink: Sink
  return {
    start(controller) {
      client = watchWaiting(idleMs, () => {
        // Not closed: then the runtime would keep what is unread until somebody reads it. And a
        // sentence, for Deno prints it.
        controller.error('A client left its answer unread and is given up.')
        source.cancel().catch((error: unknown) => logError('an unread call has no charge', error))
      })
      sink = {
        enqueue: (piece) => controller.enqueue(piece),
        isHungry: () => (controller.desiredSize ?? 0) > 0,
        close() {
          client.stop()
          controller.close()
        },
      }
    },
    async pull() {
      client.end()
      await source.pull(sink)
      client.begin()
    },
    cancel() {
      client.stop()
      return source.cancel()
    },
  }
}

import type { Outbox } from './events/outbox.ts'
import type { Exporters } from './exports/exports.ts'
import type { InFlight } from './gateway/in-flight.ts'
import type { Live } from './http/live.ts'
import { logError, logInfo, logTrouble, logWarning } from './log.ts'
import type { Observing } from './observing.ts'
import { exit, type Listener } from './runtime/runtime.ts'
import type { Store } from './store/store.ts'

/** What is to be stopped. */
export type Stopping = {
  readonly store: Store
  readonly outbox: Outbox
  readonly exporters: Exporters
  readonly inFlight: InFlight
  readonly watch: Observing
  readonly live: Live
  readonly stopSweep: () => void
}

/** How long clients may take to read that they were cut off, and receivers to take an event. */
const LAST_WORDS_MS = 1_000

/** How long the last charges may take to be counted and written. */
const SETTLE_MS = 10_000

/**
 * In this order: no new calls, those in flight to their end, everything written, exit 0. `patience`
 * resolves when they have had their time, or when a second signal says that it is enough.
 */
export async function stop(listener: Listener, parts: Stopping, patience: () => Promise<void>) {
  const { inFlight } = parts
  logInfo('stopping: no new calls are taken, those in flight may finish', { calls: inFlight.count })
  try {
    parts.live.close()
    const closed = listener.close()
    // Some go on without a connection: read on for a client that left, or made in the background.
    const done = closed.then(() => inFlight.none()).then(() => 'done' as const)
    if ((await Promise.race([done, patience()])) !== 'done') {
      logWarning('the shutdown time is over: calls in flight are cut off', {
        calls: inFlight.count,
      })
      inFlight.cutOff()
      await Promise.race([closed, pause(LAST_WORDS_MS)])
      listener.cut()
    }
    // What was cut off is still to be counted and written.
    await Promise.race([inFlight.none(), pause(SETTLE_MS)])
    await Promise.race([parts.outbox.stop(), pause(LAST_WORDS_MS)])
    await parts.exporters.stop(pause(LAST_WORDS_MS))
    await Promise.race([parts.watch.stop(), pause(LAST_WORDS_MS)])
    parts.stopSweep()
    const lost = parts.store.close()
    if (lost > 0) logTrouble('the database took no writes to the last', { writes_lost: lost })
    exit(lost > 0 ? 1 : 0)
  } catch (error) {
    logError('the server did not stop in good order', error)
    exit(1)
  }
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

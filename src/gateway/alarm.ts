/**
 * Alarms for what hardly ever happens: a time-out, a client that left, a call that lasts. Nearly
 * all are taken back within milliseconds, so setting one and taking it back must cost nothing. One
 * timer looks at all of them, and there is none while none is set.
 */
export type Alarm = {
  /** On the clock of `performance`. */
  readonly dueAt: number
  readonly ring: () => void
}

/** How late one may ring, milliseconds. */
export const LATE_MS = 20

const alarms = new Set<Alarm>()
let timer: ReturnType<typeof setInterval> | null = null

/** Calls `ring` in `ms`, or up to `LATE_MS` later, unless it is taken back. */
export function setAlarm(ms: number, ring: () => void): Alarm {
  const alarm = { dueAt: performance.now() + ms, ring }
  alarms.add(alarm)
  timer ??= setInterval(look, LATE_MS)
  return alarm
}

export const takeBack = (alarm: Alarm) => void alarms.delete(alarm)

function look() {
  const now = performance.now()
  for (const alarm of alarms) {
    if (alarm.dueAt > now) continue
    alarms.delete(alarm)
    alarm.ring()
  }
  if (alarms.size > 0 || timer === null) return
  clearInterval(timer)
  timer = null
}

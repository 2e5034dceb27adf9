import { expect, test } from 'bun:test'
import { Live } from '../../src/http/live.ts'
import { eventually } from '../support/eventually.ts'
import { gatewayWith } from './gateway.ts'

/** A live view of a number, looked at every few milliseconds. */
function liveOf() {
  const state = { value: 0, version: 0, looks: 0 }
  const live = new Live({
    look: () => {
      state.looks++
      return {
        data: JSON.stringify({ at: Date.now(), value: state.value }),
        same: `${state.value}`,
      }
    },
    version: () => String(state.version),
    lookMs: 5,
    commentMs: 20,
  })
  return { live, state }
}

function listenTo(live: Live) {
  const seen: number[] = []
  let text = ''
  const reader = live.listen().getReader()
  const done = (async () => {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      text += new TextDecoder().decode(value)
      const data = text.matchAll(/^event: now\ndata: (.*)\n\n/gm)
      seen.splice(0, seen.length, ...data.map((match) => JSON.parse(match[1]!).value as number))
    }
  })()
  return { seen, text: () => text, leave: () => reader.cancel(), done }
}

test('a listener is told at once, and then whenever something has changed', async () => {
  const { live, state } = liveOf()
  const { seen, text, done } = listenTo(live)
  await eventually(() => expect(seen).toEqual([0]))
  Object.assign(state, { value: 7, version: 1 })
  await eventually(() => expect(seen.at(-1)).toBe(7))
  // Something was committed, and nothing that is shown is another.
  const { length } = seen
  state.version = 2
  await eventually(() => expect(text()).toContain(': still here\n\n'))
  expect(seen).toHaveLength(length)
  live.close()
  await done
})

test('nothing is looked at while nobody listens, or nothing was written', async () => {
  const { live, state } = liveOf()
  const { seen, text, leave } = listenTo(live)
  await eventually(() => expect(text()).toContain(': still here\n\n'))
  expect(state.looks).toBe(1)
  expect(seen).toEqual([0])
  await leave()
  const { looks } = state
  state.version = 9
  const other = liveOf()
  const since = listenTo(other.live)
  await eventually(() => expect(since.text()).toContain(': still here\n\n'))
  expect(state.looks).toBe(looks)
  other.live.close()
})

test('there are at most 64 listeners, and who leaves makes room', async () => {
  const { live } = liveOf()
  const gateway = gatewayWith({ live })
  const listeners = Array.from({ length: 64 }, () => listenTo(live))
  const { status, json } = await gateway.get('/spend/live')
  expect([status, json.error.message]).toEqual([
    503,
    '64 listeners are connected to /spend/live, as many as may be. Close one of them, or ask /spend/now from time to time',
  ])
  await listeners[0]!.leave()
  expect(live.isFull).toBe(false)
  live.close()
  await Promise.all(listeners.slice(1).map(({ done }) => done))
})

import { expect, test } from 'bun:test'
import { DEFAULT_UPSTREAM_RULES } from '../../src/config/upstream-rules.ts'
import { Refusal } from '../../src/errors.ts'
import { BreakOff } from '../../src/gateway/break-off.ts'
import { Departure } from '../../src/gateway/departure.ts'
import { InFlight } from '../../src/gateway/in-flight.ts'

test('the call too many is told to come back, until one of the others has ended', () => {
  const inFlight = new InFlight({ calls: 2, bytes: 100 })
  inFlight.arrive('a', 1)
  inFlight.add('a', callWith())
  inFlight.arrive('b', 1)
  const refusal = caught(() => inFlight.arrive('c', 1))
  expect(refusal).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
  inFlight.leave('b')
  inFlight.arrive('c', 1)
  inFlight.add('c', callWith())
  expect(caught(() => inFlight.arrive('d', 1))).toBeInstanceOf(Refusal)
  inFlight.remove('a')
  expect(() => inFlight.arrive('d', 1)).not.toThrow()
})

test('a call that became one is counted until it is settled, not until it is answered', () => {
  const inFlight = new InFlight({ calls: 1, bytes: 100 })
  inFlight.arrive('a', 1)
  inFlight.add('a', callWith())
  inFlight.leave('a')
  expect(inFlight.count).toBe(1)
  expect(caught(() => inFlight.arrive('b', 1))).toBeInstanceOf(Refusal)
})

test('a request that never became a call holds up nobody who waits for the last', async () => {
  const inFlight = new InFlight({ calls: 9, bytes: 100 })
  inFlight.arrive('still sending its body', 1)
  await inFlight.none()
  const breakOff = new BreakOff()
  inFlight.add('a', callWith(breakOff))
  const none = inFlight.none()
  inFlight.cutOff()
  expect(breakOff.isBroken).toBe(true)
  inFlight.remove('a')
  await none
})

test('bodies are counted together, at their worst until they have come', () => {
  const inFlight = new InFlight({ calls: 9, bytes: 100 })
  inFlight.arrive('a', 100)
  const refusal = caught(() => inFlight.arrive('b', 1))
  expect(refusal).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
  inFlight.sized('a', 60)
  inFlight.arrive('b', 40)
  inFlight.add('a', callWith())
  inFlight.leave('a')
  expect(caught(() => inFlight.arrive('c', 1))).toBeInstanceOf(Refusal)
  inFlight.remove('a')
  inFlight.leave('b')
  inFlight.leave('b')
  expect(() => inFlight.arrive('c', 100)).not.toThrow()
  expect(caught(() => inFlight.arrive('d', 1))).toBeInstanceOf(Refusal)
})

function caught(act: () => void): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  return null
}

const callWith = (breakOff = new BreakOff()) => ({
  breakOff,
  departure: new Departure(new AbortController().signal, breakOff, DEFAULT_UPSTREAM_RULES),
})

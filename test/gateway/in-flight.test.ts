import { expect, test } from 'bun:test'
import { Refusal } from '../../src/errors.ts'
import { InFlight } from '../../src/gateway/in-flight.ts'

test('the call too many is told to come back, until one of the others has ended', () => {
  const inFlight = new InFlight({ callsMax: 2 })
  inFlight.arrive('a')
  inFlight.add('a', new AbortController())
  inFlight.arrive('b')
  const refusal = caught(() => inFlight.arrive('c'))
  expect(refusal).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
  inFlight.leave('b')
  inFlight.arrive('c')
  inFlight.add('c', new AbortController())
  expect(caught(() => inFlight.arrive('d'))).toBeInstanceOf(Refusal)
  inFlight.remove('a')
  expect(() => inFlight.arrive('d')).not.toThrow()
})

test('a call that became one is counted until it is settled, not until it is answered', () => {
  const inFlight = new InFlight({ callsMax: 1 })
  inFlight.arrive('a')
  inFlight.add('a', new AbortController())
  inFlight.leave('a')
  expect(inFlight.count).toBe(1)
  expect(caught(() => inFlight.arrive('b'))).toBeInstanceOf(Refusal)
})

test('a request that never became a call holds up nobody who waits for the last', async () => {
  const inFlight = new InFlight({ callsMax: 9 })
  inFlight.arrive('still sending its body')
  await inFlight.none()
  const abort = new AbortController()
  inFlight.add('a', abort)
  const none = inFlight.none()
  inFlight.cutOff()
  expect(abort.signal.aborted).toBe(true)
  inFlight.remove('a')
  await none
})

function caught(act: () => void): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  return null
}

import { expect, test } from 'bun:test'
import { Room } from '../../src/http/room.ts'

test('there is room up to its bound, and what was given back is room again', () => {
  const room = new Room(100)
  const give = room.take(60)
  expect(() => room.take(41)).toThrow('100 bytes')
  give(25)
  const other = room.take(75)
  expect(() => room.take(1)).toThrow()
  give()
  // Nothing is given back twice, nor more than was taken.
  give()
  give(1_000)
  expect(() => room.take(26)).toThrow()
  other()
  room.take(100)
})

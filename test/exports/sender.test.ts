import { describe, expect, test } from 'bun:test'
import { Pace } from '../../src/exports/pace.ts'
import type { Receipt } from '../../src/exports/receipt.ts'
import { Sender, type SenderStore } from '../../src/exports/sender.ts'
import type { NewParcel, Parcel } from '../../src/ledger/parcel.ts'
import { eventually } from '../support/eventually.ts'

const later = (more: Partial<Receipt> = {}): Receipt =>
  ({
    kind: 'later',
    error: 'status 500',
    retryAfterMs: null,
    isUnsure: false,
    isOwn: false,
    ...more,
  }) as Receipt

const TAKEN: Receipt = { kind: 'taken' }

/** A sender over a store in memory that commits a moment later; `answers` says what is sent. */
function senderOf(
  lanes: readonly (string | null)[],
  answer: (parcel: Parcel) => Receipt | Promise<Receipt>,
  { atOnce = 4, now = () => Date.now() } = {},
) {
  let ids = 0
  const made = (parcel: NewParcel): Parcel & { dueAt: number } => ({
    ...parcel,
    ...{ id: ++ids, attempts: 0, unsureSince: null, error: null, dueAt: 0 },
  })
  const parcels = new Map<number, Parcel & { dueAt: number }>()
  const add = (parcel: NewParcel) => {
    const one = made(parcel)
    parcels.set(one.id, one)
  }
  for (const [index, lane] of lanes.entries()) {
    add({ events: 1, lane, content: String(index), queuedAt: 0 })
  }
  const dead: string[] = []
  const commit = () => new Promise<void>((resolve) => setTimeout(resolve, 1))
  const store: SenderStore = {
    waiting: () => null,
    due: (_, at, limit) =>
      [...parcels.values()]
        .filter(({ dueAt }) => dueAt <= at)
        .sort((a, b) => a.dueAt - b.dueAt || a.id - b.id)
        .slice(0, limit),
    nextDueAfter(_, at) {
      const times = [...parcels.values()].map(({ dueAt }) => dueAt).filter((dueAt) => dueAt > at)
      return times.length === 0 ? null : Math.min(...times)
    },
    pendingParcels: () => parcels.size,
    planned: commit,
    async taken(_, { id }) {
      await commit()
      parcels.delete(id)
    },
    async postponed(id, { dueAt, error, unsureSince }) {
      await commit()
      const parcel = parcels.get(id)!
      parcels.set(id, { ...parcel, attempts: parcel.attempts + 1, dueAt, error, unsureSince })
    },
    async buried(id, error) {
      await commit()
      dead.push(`${parcels.get(id)!.content}: ${error}`)
      parcels.delete(id)
    },
    async split(_, id, parts) {
      await commit()
      parcels.delete(id)
      for (const part of parts) add(part)
    },
  }
  const log = { sent: [] as string[], underWay: 0, most: 0 }
  const wire = {
    atOnce,
    perSecond: null,
    async send(parcel: Parcel) {
      log.sent.push(parcel.content)
      log.underWay++
      log.most = Math.max(log.most, log.underWay)
      await new Promise((resolve) => setTimeout(resolve, 1))
      const receipt = await answer(parcel)
      log.underWay--
      return receipt
    },
  }
  const plan = () => ({ parcels: [], rests: [], skipped: 0 })
  const sender = new Sender({ name: 'x' }, { wire, plan }, { store, now, random: () => 0.5 })
  return { sender, parcels, dead, log }
}

const lanesOf = (count: number) => Array.from({ length: count }, () => null)

test('several go at once, each once, and no more than may', async () => {
  const { sender, parcels, log } = senderOf(lanesOf(50), () => TAKEN)
  await sender.drain()
  await eventually(() => expect(parcels.size).toBe(0))
  expect(log.sent.toSorted()).toEqual(
    lanesOf(50)
      .map((_, index) => String(index))
      .toSorted(),
  )
  expect(log.most).toBe(4)
  await sender.stop()
})

test('those of a lane go one after the other, and hold up no others', async () => {
  const busy = new Map<string, number>()
  const { sender, parcels, log } = senderOf(['a', 'a', 'a', 'b', 'a', null], async (parcel) => {
    const lane = parcel.lane ?? ''
    busy.set(lane, (busy.get(lane) ?? 0) + 1)
    expect(busy.get(lane)).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 2))
    busy.set(lane, 0)
    return TAKEN
  })
  await sender.drain()
  await eventually(() => expect(parcels.size).toBe(0))
  expect(log.sent.slice(0, 3)).toEqual(['0', '3', '5'])
  await sender.stop()
})

test('what is bad is alone in the end, and the good ones have passed', async () => {
  const partsOf = (content: string) =>
    content
      .split(',')
      .map((one): NewParcel => ({ events: 1, lane: null, content: one, queuedAt: 0 }))
  const { sender, parcels, dead } = senderOf([null], (parcel) => {
    if (parcel.content === '0') {
      return { kind: 'never', error: 'bad', parts: partsOf('good,worse') }
    }
    return parcel.content === 'good' ? TAKEN : { kind: 'never', error: 'bad' }
  })
  await sender.drain()
  await eventually(() => expect(parcels.size).toBe(0))
  expect(dead).toEqual(['worse: bad'])
  expect(sender.tries).toEqual({ taken: 1, failed: 0, dead: 1 })
  await sender.stop()
})

test('one that fails waits by itself, and the others go on', async () => {
  const { sender, parcels, log } = senderOf(lanesOf(20), ({ content, attempts }) =>
    content === '3' && attempts === 0 ? later({ isUnsure: true } as never) : TAKEN,
  )
  await sender.drain()
  await eventually(() => expect(parcels.size).toBe(1))
  const [left] = parcels.values()
  expect(left).toMatchObject({ content: '3', attempts: 1, error: 'status 500' })
  expect(left!.unsureSince).not.toBeNull()
  expect(log.sent).toHaveLength(20)
  await sender.stop()
})

test('a receiver that takes nothing is tried by one at a time, after a pause', async () => {
  const { sender, parcels, log } = senderOf(lanesOf(500), () => later())
  sender.wake()
  await eventually(() => expect(log.sent.length).toBeGreaterThanOrEqual(5))
  await sender.stop()
  expect(log.sent.length).toBeLessThan(10)
  expect(parcels.size).toBe(500)
})

describe('the pace', () => {
  test('is no more than so many requests in a second', () => {
    const pace = new Pace({ atOnce: 1_000, perSecond: 100 })
    let began = 0
    for (let now = 0; now <= 2_000; now += 7) {
      for (let room = pace.room(0, now); room > 0; room--) {
        pace.began()
        began++
      }
    }
    expect(began).toBeWithin(195, 211)
  })

  test('rests after three failures, longer each time, at least as long as the receiver asks', () => {
    const pace = new Pace({ atOnce: 8, perSecond: null })
    const failed = (now: number, retryAfterMs: number | null = null) =>
      pace.failed({ now, retryAfterMs, chance: 0.5 })
    failed(0)
    failed(0)
    expect(pace.room(0, 0)).toBe(8)
    failed(0)
    expect([pace.room(0, 249), pace.room(0, 250), pace.room(1, 250)]).toEqual([0, 1, 0])
    failed(250)
    expect([pace.room(0, 749), pace.room(0, 750)]).toEqual([0, 1])
    failed(750, 20_000)
    expect([pace.room(0, 20_749), pace.room(0, 20_750)]).toEqual([0, 1])
    pace.succeeded()
    expect(pace.room(0, 750)).toBe(8)
  })

  test('rests at once for as long as the receiver asks', () => {
    const pace = new Pace({ atOnce: 8, perSecond: null })
    pace.failed({ now: 0, retryAfterMs: 2_000, chance: 0.5 })
    expect([pace.room(0, 1_999), pace.room(0, 2_000)]).toEqual([0, 8])
  })
})

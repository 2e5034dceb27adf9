import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { METER_VALUES, type StripeMeter } from '../../src/config/exporter.ts'
import { type MeterEvent, namedMeters, planMeters } from '../../src/exports/meters.ts'
import type { ExportRow, Plan } from '../../src/ledger/parcel.ts'
import { row } from './rows.ts'

const meter = (value: string, model: string | null = null): StripeMeter => ({
  eventName: 'used',
  value,
  model,
})

const eventsOf = ({ parcels }: Pick<Plan, 'parcels'>) =>
  parcels.map(({ content }) => JSON.parse(content) as MeterEvent)

const nothingLeft = () => 0

const valuesOf = (rows: readonly ExportRow[], of: StripeMeter) =>
  eventsOf(planMeters(rows, namedMeters('stripe', [of]), nothingLeft)).map(({ value }) => value)

describe('what a meter counts', () => {
  const usage = { input: 10, cachedInput: 5, output: 3, reasoning: 2, images: 4 }
  test.each<[string, string]>([
    ['charge_nanos', '2500000000'],
    ['charge_microdollars', '2500000'],
    ['charge_cents', '250'],
    ['calls', '1'],
    ['tokens', '20'],
    ['input_tokens', '15'],
    ['output_tokens', '5'],
    ['cached_input', '5'],
    ['images', '4'],
  ])('%s of a call is %s', (value, expected) => {
    expect(valuesOf([row(1, { charge: 2_500_000_000, usage })], meter(value))).toEqual([expected])
  })

  test('every value of the config is one, and nothing used is no event', () => {
    for (const value of METER_VALUES.filter((name) => name !== 'calls')) {
      expect(valuesOf([row(1)], meter(value))).toEqual([])
    }
  })

  test('is of one model, where it says so', () => {
    const rows = [row(1, { usage: { input: 1 } }), row(2, { model: 'other', usage: { input: 7 } })]
    expect(valuesOf(rows, meter('tokens', 'other'))).toEqual(['7'])
    expect(valuesOf(rows, meter('tokens'))).toEqual(['8'])
  })

  test('no call is a correction, or one that an upstream failed; a correction may be negative', () => {
    const rows = [
      row(1, { outcome: 'correction', charge: -5 }),
      row(2, { outcome: 'upstream_failed' }),
    ]
    expect(valuesOf(rows, meter('calls'))).toEqual([])
    expect(valuesOf(rows, meter('charge_nanos'))).toEqual(['-5'])
  })
})

test('calls of a customer within a minute are one event, at the time and under the id of the last', () => {
  const at = Date.UTC(2026, 10, 1, 0, 5)
  const rows = [
    row(1, { charge: 1, at }),
    row(2, { charge: 2, at: at + 59_999 }),
    row(3, { charge: 4, at: at + 60_000 }),
    row(4, { charge: 8, at, tab: 2 }),
    row(5, { charge: 16, at, tab: null }),
  ]
  const plan = planMeters(rows, namedMeters('stripe', [meter('charge_nanos')]), nothingLeft)
  expect(eventsOf(plan).map(({ value, at, tab }) => [value, at, tab])).toEqual([
    ['3', at + 59_999, 1],
    ['4', at + 60_000, 1],
    ['8', at, 2],
  ])
  expect(eventsOf(plan)[0]!.identifier).toMatch(
    /^tollgate-01M85YX12J9XZEJ9BVTR000002-[0-9a-f]{12}$/,
  )
  expect(plan.skipped).toBe(1)
})

/**
 * The promise: in all, what a customer is billed by a meter and what is left of it are the sum of
 * its rows, exactly, however the rows are cut into plans. No identifier is there twice.
 */
test('what is told and what is left is the sum of the rows, whatever the order and the unit', () => {
  const some = fc.record({
    tab: fc.integer({ min: 1, max: 3 }),
    charge: fc.oneof(
      fc.integer({ min: -30_000_000, max: 30_000_000 }),
      fc.constantFrom(9_999_999, 10_000_000, -1, 0, -10_000_000),
    ),
    at: fc.integer({ min: 0, max: 180_000 }),
    cut: fc.boolean(),
  })
  const meters = namedMeters('stripe', [
    meter('charge_nanos'),
    meter('charge_microdollars'),
    meter('charge_cents'),
  ])
  const units = [1n, 1_000n, 10_000_000n]
  fc.assert(
    fc.property(fc.array(some, { maxLength: 40 }), (given) => {
      const rests = new Map<string, number>()
      const told: MeterEvent[] = []
      let rows: ExportRow[] = []
      const plan = () => {
        const restOf = (id: string, tab: number) => rests.get(`${id} ${tab}`) ?? 0
        const made = planMeters(rows, meters, restOf)
        for (const { meter, tab, rest } of made.rests) {
          expect(rest).toBeGreaterThanOrEqual(0)
          rests.set(`${meter} ${tab}`, rest)
        }
        told.push(...eventsOf(made))
        rows = []
      }
      for (const [n, { cut, ...about }] of given.entries()) {
        rows.push(row(n, about))
        if (cut) plan()
      }
      plan()
      expect(new Set(told.map(({ identifier }) => identifier)).size).toBe(told.length)
      for (const [index, { id }] of meters.entries()) {
        for (const tab of [1, 2, 3]) {
          const mine = told.filter((event) => event.tab === tab && event.identifier.endsWith(id))
          const sum = mine.reduce((total, { value }) => total + BigInt(value), 0n)
          const rest = BigInt(rests.get(`${id} ${tab}`) ?? 0)
          const charged = given.filter((one) => one.tab === tab)
          const all = charged.reduce((total, { charge }) => total + BigInt(charge), 0n)
          expect(sum * units[index]! + rest).toBe(all)
          expect(rest).toBeLessThan(units[index]! as never)
        }
      }
    }),
  )
})

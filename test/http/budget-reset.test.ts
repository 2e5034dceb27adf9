import { describe, expect, test } from 'bun:test'
import { periodAt } from '../../src/ledger/period.ts'
import { NOW } from './fake-store.ts'
import { gatewayWith } from './gateway.ts'

/** With the real rule of periods; the server's zone is UTC, and now it is 1 November, 09:30. */
const gateway = () =>
  gatewayWith({
    resetsAt: ({ duration, resetAt, createdAt, timezone, weekStart, dayOfMonth }) =>
      periodAt(
        {
          duration,
          resetAt,
          createdAt,
          timezone: timezone ?? 'UTC',
          weekStart: weekStart ?? 1,
          dayOfMonth: dayOfMonth ?? 1,
        },
        NOW,
      ).end,
  })

describe('/budget/reset', () => {
  test.each<[string, string | null]>([
    ['', null],
    ['budget_duration=1d', '2026-11-02T00:00:00.000Z'],
    ['budget_duration=1d&timezone=Europe/Berlin', '2026-11-01T23:00:00.000Z'],
    ['budget_duration=monthly&day_of_month=15', '2026-11-15T00:00:00.000Z'],
    ['budget_duration=weekly&week_start=sunday', '2026-11-08T00:00:00.000Z'],
    ['budget_duration=12h', '2026-11-01T21:30:00.000Z'],
  ])('with %j it is at %p', async (query, at) => {
    const { status, json } = await gateway().get(`/budget/reset?${query}`)
    expect([status, json]).toEqual([200, { budget_reset_at: at }])
  })

  test('what is not given is as the budget has it', async () => {
    const { get, post } = gateway()
    await post('/budget/new', { budget_id: 'pro', budget_duration: '1d', timezone: 'Asia/Tokyo' })
    const { json } = await get('/budget/reset?budget_id=pro')
    expect(json.budget_reset_at).toBe('2026-11-01T15:00:00.000Z')
    const { json: changed } = await get('/budget/reset?budget_id=pro&budget_duration=1mo')
    expect(changed.budget_reset_at).toBe('2026-11-30T15:00:00.000Z')
  })

  test.each<[string, number, string, string]>([
    ['budget_duration=1month', 400, 'budget_duration', '30d'],
    ['timezone=Mars', 400, 'timezone', 'Europe/Berlin'],
    ['week_start=someday', 400, 'week_start', 'monday'],
    ['day_of_month=32', 400, 'day_of_month', '31'],
    ['budget_id=none', 404, 'budget_id', 'none'],
  ])('refuses %j with %d, says which field, and what would be right', async (query, ...told) => {
    const [status, param, right] = told
    const { status: answered, json } = await gateway().get(`/budget/reset?${query}`)
    expect(answered).toBe(status)
    expect(json.error.param).toBe(param)
    expect(json.error.message).toContain(right)
  })
})

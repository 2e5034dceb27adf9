import { expect, test } from 'bun:test'
import { eventually } from '../support/eventually.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'
import { startReceiver } from '../support/receiver.ts'

type Told = {
  readonly event: string
  readonly customer_id: string
  readonly credit_balance?: number
  readonly credit_amount?: number
  readonly call_id: string | null
  readonly grant_id?: string
  readonly reason?: string
  readonly expires_at?: string | null
  readonly spend: number
}

test('a wallet tells of its grants, of each charge with what is left, when it is low, and when it is empty', async () => {
  await using receiver = await startReceiver()
  const one = nanosOf({ input: 6, output: 7 })
  await using gateway = await startGateway({
    settings: `
tollgate_settings:
  webhooks: [{name: ours, url: "${receiver.url}"}]
  credit: {low_at: ${(2 * one) / 1e9}}
`,
  })
  const { server, chat } = gateway
  const told = (count: number) =>
    eventually(() => {
      const events = receiver.accepted as readonly Told[]
      expect(events.map(({ event }) => event)).toHaveLength(count)
      return events
    })
  const grant = (amount: number, key: string) =>
    server.ask('/customer/credit/grant', {
      json: { user_id: 'alice', amount: amount / 1e9, reason: 'paid', idempotency_key: key },
    })
  await server.ask('/customer/new', { json: { user_id: 'alice' } })
  const { json } = await grant(3.5 * one, 'first')
  await grant(3.5 * one, 'first')
  const [granted] = await told(1)
  expect(granted).toMatchObject({
    event: 'credit_granted',
    customer_id: 'alice',
    credit_balance: json.balance,
    credit_amount: json.amount,
    grant_id: json.id,
    reason: 'paid',
    expires_at: null,
    call_id: null,
    spend: 0,
  })
  const { headers } = await chat()
  const [, tracked] = await told(2)
  expect(tracked).toMatchObject({ event: 'spend_tracked', credit_balance: (2.5 * one) / 1e9 })
  await chat({ max_tokens: 7 })
  const [, , , low] = await told(4)
  expect(low).toMatchObject({ event: 'credit_low', credit_balance: (1.5 * one) / 1e9 })
  expect(low!.call_id).not.toBe(headers.get('x-tollgate-call-id'))
  for (let refused = 0; refused < 3; ) refused += Number((await chat()).status === 402)
  const all = await eventually(() => {
    const names = (receiver.accepted as readonly Told[]).map(({ event }) => event)
    expect(names).toContain('credit_exhausted')
    return names
  })
  expect(all.filter((event) => event === 'credit_exhausted')).toHaveLength(1)
  expect(all.filter((event) => event === 'credit_low')).toHaveLength(1)
  await server.ask('/customer/new', { json: { user_id: 'bob' } })
  const before = receiver.accepted.length
  await chat({ user: 'bob' })
  const events = await told(before + 1)
  expect(events.at(-1)!.credit_balance).toBeUndefined()
})

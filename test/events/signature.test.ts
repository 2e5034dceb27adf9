import { expect, test } from 'bun:test'
import { Webhook } from 'standardwebhooks'
import { headersOf } from '../../src/events/signature.ts'

const OLD = `whsec_${btoa('o'.repeat(24))}`
const NEW = `whsec_${btoa('n'.repeat(64))}`
const message = { id: '01M85YX12J9XZEJ9BVTRXF62MV', body: '{"customer_id":"zoë 😀"}' }

test('every secret verifies what is sent, with the library that receivers use', () => {
  const headers = headersOf([NEW, OLD])(message, Date.now())
  for (const secret of [NEW, OLD]) {
    expect(new Webhook(secret).verify(message.body, headers)).toEqual(JSON.parse(message.body))
  }
  const another = new Webhook(`whsec_${btoa('x'.repeat(32))}`)
  expect(() => another.verify(message.body, headers)).toThrow('No matching signature found')
})

test.each<[string, object, string]>([
  ['the body', {}, '{"customer_id":"zoe"}'],
  ['the id', { 'webhook-id': 'another' }, message.body],
  ['the time', { 'webhook-timestamp': String(Math.floor(Date.now() / 1000) + 1) }, message.body],
])('a change of %s spoils the signature', (_, change, body) => {
  const headers = { ...headersOf([OLD])(message, Date.now()), ...change }
  expect(() => new Webhook(OLD).verify(body, headers)).toThrow()
})

/** The example of the specification's own tests, worked out by another implementation. */
test('the signature is the one of the specification', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const body = '{"test": 2432232314}'
  const headers = headersOf([secret])({ id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body }, 1614265330_000)
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
})

test('without a secret there is an id and a time, and no signature', () => {
  const headers = headersOf([])(message, 1614265330_999)
  expect(headers).toEqual({ 'webhook-id': message.id, 'webhook-timestamp': '1614265330' })
})

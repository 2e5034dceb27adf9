import { describe, expect, test } from 'bun:test'
import { authenticator } from '../../src/http/auth.ts'
import { FailedAttempts } from '../../src/http/failed-attempts.ts'
import { markOf } from '../../src/http/secret.ts'
import { NEW_KEY, type VirtualKey } from '../../src/ledger/key.ts'
import { ZERO } from '../../src/ledger/money.ts'

const MASTER = 'sk-master-1234'
const SECRET = 'sk-of-a-virtual-key-01'

const virtual = (over: Partial<VirtualKey> = {}): VirtualKey => ({
  ...NEW_KEY,
  ...markOf(SECRET),
  id: 1,
  spent: ZERO,
  totalSpent: ZERO,
  periodStart: 0,
  createdAt: 0,
  updatedAt: 0,
  ...over,
})

function door(limit = 3, key: VirtualKey = virtual()) {
  const world = { now: 1_000, address: '10.0.0.1' as string | null, lookups: 0 }
  const authenticate = authenticator({
    masterKey: MASTER,
    findKey: (hash) => {
      world.lookups++
      return hash === key.hash ? key : null
    },
    failedAuthLimit: limit,
    signedIn: () => null,
    isPortalToken: (secret) => secret === 'portal_good',
    addressOf: () => world.address,
    now: () => world.now,
  })
  const knock = (secret: string | null) => {
    const headers: HeadersInit = secret === null ? {} : { authorization: `Bearer ${secret}` }
    try {
      return authenticate(new Request('http://localhost/', { headers }))
    } catch (error) {
      return error as { status: number; message: string; type: string; headers: object }
    }
  }
  const statusOf = (secret: string | null) => (knock(secret) as { status: number }).status
  return { world, knock, statusOf }
}

describe('who asks', () => {
  test('is known by the master key, which is looked up nowhere', () => {
    const { knock, world } = door()
    expect(knock(MASTER)).toBe('master')
    expect(world.lookups).toBe(0)
  })

  test('is known by a virtual key, in any header that clients use', () => {
    const { knock } = door()
    expect(knock(SECRET)).toEqual(virtual())
  })

  test('with a key that has ended is told so as LiteLLM does, to the millisecond', () => {
    const { knock, world } = door(3, virtual({ expiresAt: 2_000 }))
    world.now = 1_999
    expect(knock(SECRET)).toMatchObject({ id: 1 })
    world.now = 2_000
    const at = new Date(2_000).toISOString()
    expect(knock(SECRET)).toMatchObject({
      status: 401,
      type: 'expired_key',
      message: `Authentication Error - Expired Key. Key Expiry time ${at} and current time ${at}`,
    })
  })

  test('is shown nothing of the key that was sent', () => {
    const { knock } = door(1)
    const wrong = 'sk-wrong-secret'
    for (let n = 0; n < 3; n++) expect(JSON.stringify(knock(wrong))).not.toContain(wrong)
  })
})

describe('wrong keys from one address', () => {
  test('are 401 up to the limit, and then 429 until a minute after the first', () => {
    const { knock, statusOf, world } = door(3)
    expect([1, 2, 3, 4].map(() => statusOf('sk-x'))).toEqual([401, 401, 401, 429])
    world.now += 10_500
    expect(knock('sk-x')).toMatchObject({
      status: 429,
      headers: { 'retry-after': '50', 'x-should-retry': 'false' },
    })
    world.now += 49_500
    expect(statusOf('sk-x')).toBe(401)
  })

  test('do not keep a right key out, master or virtual', () => {
    const { knock, statusOf } = door(3)
    for (let n = 0; n < 10; n++) statusOf('sk-x')
    expect(knock(MASTER)).toBe('master')
    expect(knock(SECRET)).toMatchObject({ id: 1 })
    expect(statusOf('sk-x')).toBe(429)
  })

  test('bar requests without a key, which do not count by themselves', () => {
    const { statusOf } = door(3)
    for (let n = 0; n < 10; n++) expect(statusOf(null)).toBe(401)
    for (let n = 0; n < 4; n++) statusOf('sk-x')
    expect(statusOf(null)).toBe(429)
  })

  test('say nothing of other addresses', () => {
    const { statusOf, world } = door(3)
    for (let n = 0; n < 10; n++) statusOf('sk-x')
    world.address = '10.0.0.2'
    expect(statusOf('sk-x')).toBe(401)
  })

  test('are counted together where the runtime names no address', () => {
    const { statusOf, world, knock } = door(3)
    world.address = null
    for (let n = 0; n < 3; n++) statusOf('sk-x')
    expect(statusOf('sk-x')).toBe(429)
    expect(knock(MASTER)).toBe('master')
  })

  test('are never counted with a limit of 0', () => {
    const { statusOf } = door(0)
    for (let n = 0; n < 100; n++) expect(statusOf('sk-x')).toBe(401)
  })

  test('are none where it is the token of a customer’s link, which says what it is for', () => {
    const { knock, statusOf } = door(3)
    for (let n = 0; n < 10; n++) {
      expect(knock('portal_good')).toMatchObject({
        status: 401,
        message: expect.stringContaining("opens the customer's own page and nothing else"),
      })
    }
    expect(statusOf('sk-x')).toBe(401)
    for (let n = 0; n < 3; n++) statusOf('portal_forged')
    expect(statusOf('portal_forged')).toBe(429)
  })

  test('of a blocked or an ended key are none: its secret was right', () => {
    const { statusOf } = door(3, virtual({ blocked: true }))
    for (let n = 0; n < 10; n++) expect(statusOf(SECRET)).toBe(401)
  })
})

describe('FailedAttempts', () => {
  test('remembers ten thousand addresses and no more, however many there are', () => {
    const failed = new FailedAttempts(1)
    for (let n = 0; n < 30_000; n++) failed.add(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, n)
    expect(failed.size).toBe(10_000)
  })

  test.each([
    ['10.0.0.1', '::ffff:10.0.0.1', true],
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['fe80::1%eth0', 'fe80::2%eth0', true],
    ['::1', '::2', true],
    ['10.0.0.1', '10.0.0.2', false],
  ])('%s and %s are one: %p', (one, other, isOne) => {
    const failed = new FailedAttempts(1)
    failed.add(one, 0)
    failed.add(one, 0)
    expect(failed.waitMs(other, 0) !== null).toBe(isOne)
  })
})

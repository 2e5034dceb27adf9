import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { RoutingRules } from '../../src/config/config.ts'
import { DEFAULT_ROUTING } from '../../src/config/routing.ts'
import { Refusal } from '../../src/errors.ts'
import { type Deployment, Deployments } from '../../src/gateway/deployments.ts'
import { Router } from '../../src/gateway/router.ts'
import { deployment } from '../support/world.ts'

/** A router over deployments of the model `m`, which differ as they are told. */
function routerOf(all: readonly Partial<Deployment>[], rules: Partial<RoutingRules> = {}) {
  const configs = all.map((more, index) => ({ ...deployment, id: `m#${index}`, ...more }))
  const known = { builtInPrice: () => null, outputTokensMax: () => null }
  const router = new Router(new Deployments(configs, known), { ...DEFAULT_ROUTING, ...rules })
  const take = (more: Partial<Parameters<Router['take']>[0]> = {}) =>
    router.take({
      model: 'm',
      region: null,
      isListed: () => true,
      isFit: () => true,
      misfit: () => new Refusal('invalid_request', 'none is fit'),
      tried: new Set(),
      tokens: 10,
      now: 0,
      ...more,
    })
  return { router, take, next: (more = {}) => take(more).deployment.id }
}

const refusalOf = (call: () => unknown): Refusal => {
  try {
    call()
  } catch (error) {
    return error as Refusal
  }
  throw new Error('it was not refused')
}

describe('simple-shuffle', () => {
  test.each<[string, Partial<Deployment>[], string]>([
    ['in turn', [{}, {}], '0101'],
    ['by weight', [{ weight: 3 }, { weight: 1 }], '0010'],
    ['by calls a minute', [{ rpm: 100 }, { rpm: 300 }], '1101'],
    ['none to a weight of 0', [{ weight: 0 }, { weight: 1 }], '1111'],
    ['unless there is nobody else', [{ weight: 0 }], '0000'],
  ])('gives calls %s', (_, all, order) => {
    const { next } = routerOf(all)
    const ids = [next(), next(), next(), next()].map((id) => id.slice(2))
    expect(ids.toSorted()).toEqual([...order].toSorted())
  })
})

test('least-busy takes the one with the fewest calls under way', () => {
  const { router, take } = routerOf([{}, {}], { strategy: 'least-busy' })
  const [first, second] = [take(), take()]
  expect([first.deployment.id, second.deployment.id]).toEqual(['m#0', 'm#1'])
  router.done(second, 5)
  expect(take().deployment.id).toBe('m#1')
})

test('latency-based-routing takes the fastest, once each has been tried', () => {
  const { router, take } = routerOf([{}, {}], { strategy: 'latency-based-routing' })
  const slow = take()
  router.answered(slow, 200)
  const fast = take()
  expect(fast.deployment.id).toBe('m#1')
  router.answered(fast, 20)
  expect(take().deployment.id).toBe('m#1')
})

describe('one that failed', () => {
  test('is left alone for a while, and then has its turns again', () => {
    const { router, take, next } = routerOf([{}, {}])
    const turn = take()
    router.failed(turn, { forMs: 1_000, error: 'status 500' }, 0)
    expect([next(), next(), next()]).toEqual(['m#1', 'm#1', 'm#1'])
    expect(router.health('m#0', 0)).toMatchObject({
      cooledUntil: 1_000,
      lastFailure: { at: 0, error: 'status 500' },
    })
    expect([next({ now: 1_000 }), next({ now: 1_000 })].toSorted()).toEqual(['m#0', 'm#1'])
    expect(router.health('m#0', 1_000).cooledUntil).toBeNull()
    expect(router.health('m#1', 0).lastFailure).toBeNull()
  })

  test('is asked all the same when it is the only one, or all have failed: the longest ago first', () => {
    const alone = routerOf([{}])
    alone.router.failed(alone.take(), { forMs: 1_000, error: 'status 500' }, 0)
    expect(alone.next()).toBe('m#0')
    const { router, take, next } = routerOf([{}, {}])
    const [first, second] = [take(), take()]
    router.failed(second, { forMs: 1_000, error: 'status 500' }, 0)
    router.failed(first, { forMs: 5_000, error: 'status 500' }, 0)
    expect(next()).toBe(second.deployment.id)
  })

  test('is asked again by the same call only when all others were', () => {
    const { next } = routerOf([{}, {}])
    expect(next({ tried: new Set(['m#0']) })).toBe('m#1')
    expect(['m#0', 'm#1']).toContain(next({ tried: new Set(['m#0', 'm#1']) }))
  })
})

describe('what a deployment takes', () => {
  test('in a minute is never passed, however the calls come and end', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            tokens: fc.nat({ max: 60 }),
            used: fc.nat({ max: 60 }),
            after: fc.nat({ max: 20_000 }),
          }),
          { maxLength: 60 },
        ),
        (calls) => {
          const limits = { rpm: 5, tpm: 100 }
          const { router, take } = routerOf([limits, limits])
          const had: { id: string; at: number; tokens: number }[] = []
          let now = 0
          for (const { tokens, used, after } of calls) {
            now += after
            try {
              const turn = take({ tokens, now })
              const { id } = turn.deployment
              had.push({ id, at: now, tokens: Math.min(used, tokens) })
              router.done(turn, Math.min(used, tokens))
            } catch (error) {
              expect((error as Refusal).code).toBe('rate_limited')
            }
            for (const id of ['m#0', 'm#1']) {
              const lately = had.filter((call) => call.id === id && now - call.at <= 60_000)
              expect(lately.length).toBeLessThanOrEqual(limits.rpm)
              const sum = lately.reduce((total, call) => total + call.tokens, 0)
              expect(sum).toBeLessThanOrEqual(limits.tpm)
            }
          }
        },
      ),
    )
  })

  test('at once as well, and a call that was not sent gives its place back', () => {
    const { router, take } = routerOf([{ parallelMax: 1 }])
    const turn = take()
    expect(refusalOf(take).code).toBe('rate_limited')
    router.undo(turn)
    router.undo(turn)
    const again = take()
    expect(refusalOf(take).code).toBe('rate_limited')
    router.done(again, 1)
    expect(take().deployment.id).toBe('m#0')
  })

  test('used up is a 429 that says when to come back', () => {
    const { take } = routerOf([{ rpm: 1 }])
    take()
    const { status, headers, message } = refusalOf(take)
    expect([status, headers['retry-after']]).toEqual([429, '61'])
    expect(message).toContain('All deployments of `m` have had what they take in a minute')
  })
})

describe('nobody is asked', () => {
  test('for a model that is not served, and the nearest that the caller may see is named', () => {
    const { take } = routerOf([{ modelName: 'gpt-4o' }, { modelName: 'secret', id: 'x' }])
    const isListed = (model: string) => model !== 'secret'
    const { status, message } = refusalOf(() => take({ model: 'gpt-4', isListed }))
    expect([status, message]).toEqual([
      404,
      'The model `gpt-4` is not served here. Did you mean `gpt-4o`?',
    ])
    expect(refusalOf(() => take({ model: 'secre', isListed })).message).not.toContain('secret')
  })

  test('outside of the region, or who is not fit', () => {
    const { take, next } = routerOf([{ region: 'eu' }, { region: 'us' }])
    expect([next({ region: 'EU' }), next({ region: 'EU' })]).toEqual(['m#0', 'm#0'])
    expect(refusalOf(() => take({ region: 'mars' })).code).toBe('model_not_allowed')
    expect(next({ isFit: ({ id }: Deployment) => id === 'm#1' })).toBe('m#1')
    expect(refusalOf(() => take({ isFit: () => false })).message).toBe('none is fit')
  })
})

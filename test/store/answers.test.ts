import { expect, test } from 'bun:test'
import { ZERO } from '../../src/ledger/money.ts'
import type { KeptAnswer } from '../../src/ledger/open-call.ts'
import { rowsOf } from '../support/books.ts'
import { charged, openStore } from '../support/store.ts'

const DAY_MS = 24 * 3_600_000

test('an answer is found for a day, and is gone from the disk after the next one that is kept', async () => {
  const { store, path, clock } = await openStore()
  const kept = (scope: string): KeptAnswer => ({
    scope,
    request: 'r',
    callId: 'c',
    body: '{}',
    headers: { 'content-type': 'application/json' },
    answeredAt: clock.now,
  })
  const keep = (scope: string) =>
    store.commit(charged(null, { charge: ZERO, settledAt: clock.now }), [], {
      kept: kept(scope),
      stored: null,
    })

  const first = kept('first')
  await keep('first')
  expect(store.answers.find('first', clock.now + DAY_MS - 1)).toEqual(first)
  expect(store.answers.find('first', clock.now + DAY_MS)).toBeNull()
  clock.now += DAY_MS
  await keep('second')
  expect(rowsOf<{ scope: string }>(path, 'SELECT scope FROM answers')).toEqual([
    { scope: 'second' },
  ])
  store.close()
})

import { expect, test } from 'bun:test'
import { pathOf, queryOf } from '../../src/http/address.ts'

// A row is what Bun gives as `url`, which with a Host that is none is no URL.
test.each([
  ['http://localhost:4000/customer/info?id=a', '/customer/info', 'id=a'],
  ['http://x/', '/', ''],
  ['http://x/models/', '/models', ''],
  ['http://x/models/?', '/models', ''],
  ['http://x//models', '//models', ''],
  ['http://[::/models?a=//b?c', '/models', 'a=//b?c'],
  ['/models/docs', '/models/docs', ''],
  ['/models?a=1', '/models', 'a=1'],
  ['//docs', '//docs', ''],
  ['/', '/', ''],
])('%p asks for the path %p with the query %p', (url, path, query) => {
  expect([pathOf(url), queryOf(url)]).toEqual([path, query])
})

import { expect, test } from 'bun:test'
import { run, SOURCE } from '../support/command.ts'
import { nanosOf, startGateway } from '../support/gateway.ts'
import type { Told } from '../support/server.ts'

const CALLS = 10_000
const CONNECTIONS = 50
const CUSTOMERS = 100

/** Every kind of token is in each answer; how many of the plain ones differs from call to call. */
const KINDS = { cachedInput: 11, cacheWrite: 3, inputAudio: 2, reasoning: 5, outputAudio: 1 }

/**
 * The double adds up what it says in usage; the gateway, what it was told. The two never speak of
 * it, so their sums agree only if no call was lost, doubled, or put on another's tab.
 */
test('after 10,000 calls, half of them streamed, every tab is what the upstream served', async () => {
  await using gateway = await startGateway({ upstream: { keepsCalls: false } })
  const { upstream, server } = gateway
  upstream.always({ tokens: KINDS })
  let next = 0
  const failures: string[] = []

  const call = async (number: number) => {
    const isStream = number % 2 === 1
    const response = await gateway.stream({
      stream: isStream,
      user: `customer ${(number >> 1) % CUSTOMERS}`,
      messages: [{ role: 'user', content: 'word '.repeat(1 + (number % 37)) }],
      max_tokens: 1 + (number % 7),
    })
    const text = await response.text()
    const isWhole = isStream ? text.endsWith('data: [DONE]\n\n') : text.endsWith('}\n')
    if (response.status !== 200 || !isWhole) failures.push(`call ${number}: ${text.slice(-300)}`)
  }
  const worker = async () => {
    while (next < CALLS) await call(next++)
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, worker))
  expect(failures).toEqual([])

  const pages = ['/customer/list?page_size=60', '/customer/list?page_size=60&page=2']
  const lists = await Promise.all(pages.map((page) => server.ask(page)))
  const customers = lists.flatMap(({ json }: Told) => json)
  expect(customers).toHaveLength(CUSTOMERS)
  for (const { user_id, spend, total_spend, held } of customers) {
    const { calls, ...tokens } = upstream.served.get(user_id)!
    expect(calls).toBe(CALLS / CUSTOMERS)
    const nanos = nanosOf(tokens)
    expect([user_id, Math.round(spend * 1e9)]).toEqual([user_id, Math.round(nanos)])
    expect([total_spend, held]).toEqual([spend, 0])
  }

  expect(await server.stop()).toBe(0)
  const verify = [...SOURCE, 'verify', '--db', server.databasePath]
  const { code, out } = await run(verify, { folder: server.folder })
  const all = [...upstream.served.values()].reduce(
    (sum, { calls: _, ...tokens }) => sum + nanosOf(tokens),
    0,
  )
  expect(out).toBe(
    `The books balance: ${CUSTOMERS} customers, ${CALLS} ledger rows, ${Math.round(all) / 1e9} dollars charged.\n`,
  )
  expect(code).toBe(0)
}, 60_000)

import { expect, test } from 'bun:test'
import { openConsole } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'
import { startReceiver } from '../support/receiver.ts'

const chat = { model: 'demo', messages: [{ role: 'user', content: 'hello' }] }

test('without a receiver, the lines of the config that add one are there, and work', async () => {
  await using console = await openConsole()
  const { page } = console
  await console.signIn()
  await page.getByRole('link', { name: 'Webhooks' }).click()
  const config = await page.getByLabel('The lines of the config').inputValue()
  const [name, secret] = (await page.getByLabel('A secret').inputValue()).split(/=(.*)/)
  await using again = await openConsole({ config, env: { [name!]: secret } })
  const { json } = await again.server.ask('/webhook/receivers')
  expect(json).toMatchObject([{ name: 'crm', signed: true, events: { length: 2 } }])
  expect(console.complaints).toEqual([])
})

test('receivers are tried, what they were given up for is looked into, and sent again', async () => {
  await using good = await startReceiver()
  await using bad = await startReceiver()
  await using console = await openConsole({
    config: `
tollgate_settings:
  webhooks:
    - {name: good, url: "${good.url}", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}
    - {name: bad, url: "${bad.url}"}
`,
  })
  const { page, server } = console
  // Gone: it is given up at once.
  bad.decide(() => ({ status: 410 }))
  for (const user of ['alice', 'bob'])
    await server.ask('/chat/completions', { json: { ...chat, user } })
  await eventually(async () => {
    const { json } = await server.ask('/webhook/receivers')
    expect(json).toMatchObject([{ pending: 0 }, { pending: 0, dead: 2 }])
  })

  await console.signIn()
  await console.go('/ui/webhooks')
  const card = (name: string) =>
    page.locator('section', { has: page.getByRole('heading', { name, exact: true }) })
  await card('bad').getByText('2 given up', { exact: true }).waitFor()
  await card('bad').getByText('status 410').waitFor()
  await card('good').getByText('Took an event').waitFor()
  await card('good').getByRole('button', { name: 'Send a test' }).click()
  await card('good').getByText('Status 200').waitFor()
  await card('bad').getByRole('button', { name: 'Send a test' }).click()
  await card('bad').getByText('not taken').waitFor()

  await page.getByLabel('Status').selectOption('dead')
  await page.getByLabel('Customer').fill('alice')
  await eventually(async () => expect(await page.locator('.deliveries > li').count()).toBe(1))
  expect(new URL(page.url()).search).toBe('?status=dead&customer_id=alice')
  const delivery = page.locator('.deliveries > li')
  await delivery.locator('summary').click()
  await delivery.getByText('the last that failed: status 410').waitFor()
  await delivery.getByText('"event": "spend_tracked"').waitFor()
  bad.decide(() => null)
  await delivery.getByRole('button', { name: 'Replay' }).click()
  await page.getByText('No delivery is like that.').waitFor()
  await card('bad').getByRole('button', { name: 'Replay 1 event given up' }).click()
  await eventually(() => expect(bad.accepted).toHaveLength(2))
  await card('bad').getByText('0 given up', { exact: true }).waitFor()
  expect(console.complaints).toEqual([])
})

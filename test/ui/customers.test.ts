import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { fill } from '../bench/fill.ts'
import { openConsole, violations } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'
import { newFolder } from '../support/store.ts'

const messages = [{ role: 'user', content: 'what time is it' }]

const CONFIG = `
model_list:
  - model_name: demo
    litellm_params: {model: demo/demo}
  - model_name: mini
    litellm_params: {model: openai/gpt-4o-mini, api_key: x, mock_response: Nine.}
tollgate_settings:
  webhooks:
    - {name: crm, url: "http://127.0.0.1:9/hook", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}
`

test('a hundred thousand customers are searched, sorted and paged by the server, as the address says', async () => {
  const folder = newFolder()
  await fill(join(folder, 'tollgate.db'), { rows: 5_000, customers: 100_000, now: Date.now() })
  await using console = await openConsole({ folder })
  const { page, server } = console
  const table = page.getByRole('table', { name: 'Customers' })
  const ids = async () =>
    (await table
      .locator('a.customer')
      .evaluateAll((links) =>
        links.map((link) => decodeURIComponent((link as HTMLAnchorElement).pathname.slice(14))),
      )) as string[]
  const asked = async (query: string) => {
    const { json } = await server.ask(`/customer/list?${query}`)
    return json.map(({ user_id }: { user_id: string }) => user_id)
  }
  const shows = (query: string) =>
    eventually(async () => expect(await ids()).toEqual(await asked(query)))
  await console.signIn()
  await page.getByRole('link', { name: 'Customers' }).click()
  await page.getByText('100,000 customers').waitFor()
  await shows('page_size=50&sort=spend&order=desc')

  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByText('Page 2').waitFor()
  await shows('page_size=50&sort=spend&order=desc&page=2')
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByText('Page 3').waitFor()
  const third = page.url()
  await page.getByRole('button', { name: 'Previous' }).click()
  await page.getByText('Page 2').waitFor()
  await page.goBack()
  await page.getByText('Page 3').waitFor()
  await page.goto('/ui')
  await page.goto(third)
  await shows('page_size=50&sort=spend&order=desc&page=3')

  await table.getByRole('button', { name: 'Customer' }).click()
  await page.getByText('Page 1').waitFor()
  await shows('page_size=50&sort=user_id&order=desc')
  await page.getByLabel('Search').fill('customer-4321')
  await page.getByText('11 customers found').waitFor()
  await page.getByLabel('Tier').selectOption('pro')
  await shows('search=customer-4321&budget_id=pro&sort=user_id&order=desc')
  expect(new URL(page.url()).search).toBe(
    '?sort=user_id&order=desc&search=customer-4321&budget_id=pro',
  )
  await page.getByLabel('Blocked').selectOption('true')
  await page.getByRole('link', { name: 'Show all customers' }).click()
  await page.getByText('100,000 customers').waitFor()
  expect(await page.getByLabel('Search').inputValue()).toBe('')
  expect(console.complaints).toEqual([])
}, 60_000)

test('a customer is made, changed, blocked and deleted; what is refused is told at its field', async () => {
  await using console = await openConsole({ config: CONFIG })
  const { page, server } = console
  const dialog = page.getByRole('dialog')
  const info = async () => (await server.ask('/customer/info?end_user_id=a/b%201')).json
  const call = () =>
    server.ask('/chat/completions', { json: { model: 'demo', messages, user: 'a/b 1' } })
  await console.signIn()
  await console.go('/ui/customers')
  await page.getByText('There are no customers yet.').waitFor()
  await page.getByRole('button', { name: 'New customer' }).click()
  await dialog.getByLabel('Customer ID').fill('a/b 1')
  await dialog.getByLabel('Alias').fill('Alice Ltd')
  await dialog.getByText('Metadata, its model, its region').click()
  await dialog.getByLabel('Metadata', { exact: true }).fill('{plan}')
  await dialog.getByLabel('Limits of its own').check()
  await dialog.getByLabel('Max budget').fill('ten')
  await dialog.getByLabel('Period', { exact: true }).fill('1mo')
  await dialog.getByText('Next reset').waitFor()
  await dialog.getByRole('button', { name: 'Create' }).click()
  await dialog.getByText('This is not JSON').waitFor()
  await dialog.getByLabel('Metadata', { exact: true }).fill('{"plan": "yearly"}')
  await dialog.getByRole('button', { name: 'Create' }).click()
  await dialog.getByText('max_budget must be').waitFor()
  expect(await violations(page)).toEqual([])
  await dialog.getByLabel('Max budget').fill('10')
  await dialog.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('heading', { name: 'Alice Ltd' }).waitFor()
  expect(await info()).toMatchObject({
    alias: 'Alice Ltd',
    metadata: { plan: 'yearly' },
    litellm_budget_table: { max_budget: 10, budget_duration: '1mo' },
  })

  await page.getByRole('button', { name: 'Correct the spend' }).click()
  await dialog.getByLabel('Spend of this period').fill('9.5')
  await dialog.getByText('A correction of +$9.50 will be written.').waitFor()
  await dialog.getByRole('button', { name: 'Correct', exact: true }).click()
  await page.locator('.figure', { hasText: 'Left' }).getByText('$0.50').waitFor()

  await page.getByRole('button', { name: 'Change limits' }).click()
  await dialog.getByLabel('Max budget').fill('9')
  await dialog.getByLabel('Only some').check()
  await dialog.getByLabel('mini').check()
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByText('only mini').waitFor()
  expect((await call()).json.error.type).toBe('model_not_allowed')
  expect(await info()).toMatchObject({ spend: 9.5, litellm_budget_table: { max_budget: 9 } })

  await page.getByRole('button', { name: 'Block' }).click()
  await dialog.getByRole('button', { name: 'Block' }).click()
  await page.getByText('blocked', { exact: true }).waitFor()
  expect((await call()).status).toBe(403)
  await page.getByRole('button', { name: 'Unblock' }).click()
  await dialog.getByRole('button', { name: 'Unblock' }).click()
  await page.getByText('blocked', { exact: true }).waitFor({ state: 'detached' })

  await page.getByRole('button', { name: 'Delete' }).click()
  await dialog.getByText('starts a fresh tab').waitFor()
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await page.getByText('There are no customers yet.').waitFor()
  await console.go('/ui/customers/a%2Fb%201')
  await page.getByText('There is no customer of this id.').waitFor()
  await page.getByRole('table', { name: 'Ledger' }).getByText('correction').waitFor()
  expect(console.complaints).toEqual([])
})

test('each row of the ledger explains its charge, and the filtered rows can be had as CSV', async () => {
  await using console = await openConsole({ config: CONFIG })
  const { page, server } = console
  await server.ask('/customer/new', { json: { user_id: 'alice', max_budget: 5 } })
  for (let calls = 0; calls < 40; calls += 1) {
    const model = calls % 4 === 0 ? 'mini' : 'demo'
    await server.ask('/chat/completions', { json: { model, messages, user: 'alice' } })
  }
  await console.signIn()
  await console.go('/ui/customers/alice')
  const ledger = page.getByRole('table', { name: 'Ledger' })
  const rows = ledger.locator('tbody > tr:has(> td.opener)')
  await rows.first().waitFor()
  expect(await rows.count()).toBe(25)
  const pages = page.getByRole('navigation', { name: 'Pages of the ledger' })
  await pages.getByRole('button', { name: 'Next' }).click()
  await eventually(async () => expect(await rows.count()).toBe(15))

  await page.locator('.list-filters').getByLabel('Model').selectOption('mini')
  await eventually(async () => expect(await rows.count()).toBe(10))
  expect(new URL(page.url()).search).toBe('?row_model=mini')
  const { json: records } = await server.ask('/spend/logs?end_user=alice&model=mini')
  await rows.first().getByRole('button').click()
  const opened = ledger.locator('tr.opened')
  await opened.getByText(records[0].request_id).waitFor()
  const charge = `$${records[0].charge.toFixed(9).replace(/0+$/, '')}`
  await opened.getByText(`${charge} on the customer's tab`).waitFor()
  await opened.getByText('Price from genai-prices openai/gpt-4o-mini.').waitFor()
  expect(await violations(page)).toEqual([])

  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download as CSV' }).click()
  const csv = await Bun.file(await (await download).path()).text()
  const [, ...lines] = csv.trimEnd().split('\r\n')
  expect(lines.map((line) => line.split(',')[0])).toEqual(
    records.map(({ request_id }: { request_id: string }) => request_id).reverse(),
  )
  const events = page.getByRole('table', { name: 'Events' })
  await events.getByText('spend tracked').first().waitFor()
  await page.getByRole('table', { name: 'Spend by model' }).getByText('mini').waitFor()
  expect(console.complaints).toEqual([])
})

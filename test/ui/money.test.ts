import { afterAll, expect, test } from 'bun:test'
import { type Console, openConsole, PHONE, violations } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'
import { startServer } from '../support/server.ts'

/** Credit, rate cards, the margin and statements, in the console and on a customer's own page. */

const CONFIG = `
model_list:
  - {model_name: demo, litellm_params: {model: demo/demo}}
tollgate_settings:
  rate_card: {markup_percent: 10}
  credit: {top_up_url: "https://app.example.com/billing?customer={customer_id}"}
`

const server = await startServer({ config: CONFIG })
afterAll(() => server[Symbol.asyncDispose]())

const messages = [{ role: 'user', content: 'what time is it' }]
const call = (user: string) =>
  server.ask('/v1/chat/completions', { json: { model: 'demo', messages, user } })

/** Dollars as a title has them: to the last nano-dollar. */
const exact = (dollars: number) =>
  `$${new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 9 }).format(dollars)}`

test('credit is granted once though its answer was lost, adjusted and refunded, and calls draw it', async () => {
  await using console = await openConsole({ server })
  const { page } = console
  await server.ask('/customer/new', { json: { user_id: 'alice' } })
  const balance = async () =>
    (await server.ask('/customer/credit/balance?end_user_id=alice')).json.balance
  const shown = page.locator('.figure', { hasText: 'Balance' })
  const dialog = page.getByRole('dialog')
  await console.signIn()
  await console.go('/ui/customers/alice')
  await page.getByText('It pays nothing in advance.').waitFor()
  await page.getByRole('button', { name: 'Open an empty wallet' }).click()
  await page.getByText('Nothing is left of any grant.').waitFor()
  expect((await call('alice')).status).toBe(402)

  await page.getByRole('button', { name: 'Grant' }).click()
  await dialog.getByLabel('Amount').fill('lots')
  await dialog.getByLabel('Reason').fill('Invoice 117')
  await dialog.getByLabel('Expires').fill('2099-12-31T12:00')
  await dialog.getByRole('button', { name: 'Grant' }).click()
  await dialog.getByText('amount must be dollars above 0').waitFor()
  expect(await violations(page)).toEqual([])
  await dialog.getByLabel('Amount').fill('25')
  // The server does it, and the answer never comes: who sends it again has not granted twice.
  await page.route('**/customer/credit/grant', async (route) => {
    await route.fetch()
    await route.abort()
  })
  await dialog.getByRole('button', { name: 'Grant' }).click()
  await dialog.getByText('The server cannot be reached.').waitFor()
  expect(await balance()).toBe(25)
  await page.unroute('**/customer/credit/grant')
  await dialog.getByRole('button', { name: 'Grant' }).click()
  await dialog.waitFor({ state: 'detached' })
  await shown.getByText('$25.00').waitFor()
  expect(await balance()).toBe(25)
  await page.getByRole('table', { name: 'Grants' }).getByText('Invoice 117').waitFor()

  await page.getByRole('button', { name: 'Adjust' }).click()
  await dialog.getByLabel('Amount').fill('-2.5')
  await dialog.getByLabel('Reason').fill('Typed wrong')
  await dialog.getByRole('button', { name: 'Adjust' }).click()
  await shown.getByText('$22.50').waitFor()
  await page.getByRole('button', { name: 'Refund' }).click()
  await dialog.getByLabel('Amount').fill('2.5')
  await dialog.getByLabel('Reason').fill('Too much')
  await dialog.getByLabel('Of', { exact: true }).selectOption({ index: 1 })
  await dialog.getByRole('button', { name: 'Refund' }).click()
  await shown.getByText('$20.00').waitFor()

  for (let calls = 0; calls < 10; calls += 1) await call('alice')
  const history = page.getByRole('table', { name: 'History of the credit' })
  await page.reload()
  await shown.getByTitle(exact(await balance())).waitFor()
  await eventually(async () => expect(await history.getByText('draw').count()).toBe(10))
  const pages = page.getByRole('navigation', { name: 'Pages of the history' })
  await pages.getByRole('button', { name: 'Next' }).click()
  await history.getByText('Too much').waitFor()
  await history.getByText('Invoice 117').waitFor()

  await using reader = await openConsole({ server })
  await seenByReader(reader)
  expect(console.complaints).toEqual([])
})

/** A read-only session has the same figures, and nothing to change them with. */
async function seenByReader({ page, signIn, go }: Console) {
  const { json } = await server.ask('/key/generate', { json: { key_type: 'read_only' } })
  await signIn(json.key)
  await go('/ui/customers/alice')
  await page.getByText("The server's default, version 1").waitFor()
  await page.getByRole('table', { name: 'Grants' }).getByText('Invoice 117').waitFor()
  const buttons = await page.getByRole('button').allTextContents()
  expect(buttons).toContain('Sign out')
  expect(buttons.filter((text) => /grant|adjust|refund|change/i.test(text))).toEqual([])
}

type Row = { readonly cost: number; readonly charge: number }

/** The charge, the cost and the margin of rows of the ledger, as a page has them. */
function marginOf(rows: readonly Row[]): string[] {
  const nanos = (name: keyof Row) => rows.reduce((sum, row) => sum + Math.round(row[name] * 1e9), 0)
  const [charge, cost] = [nanos('charge'), nanos('cost')]
  return [charge, cost, charge - cost].map((sum) => exact(sum / 1e9))
}

test('a rate card is changed for a tier and for a customer, and what it charged is the margin', async () => {
  await using console = await openConsole({ server })
  const { page } = console
  const dialog = page.getByRole('dialog')
  await server.ask('/budget/new', { json: { budget_id: 'pro', max_budget: 10 } })
  await server.ask('/customer/new', { json: { user_id: 'bob', budget_id: 'pro' } })
  await call('bob')
  await console.signIn()
  await console.go('/ui/budgets/pro')
  await page.getByRole('button', { name: 'Edit' }).click()
  await dialog.getByLabel('A rate card of its own').check()
  await dialog.getByLabel('Markup').fill('many')
  await dialog.getByLabel('Counts').selectOption('cost')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByText('rate_card.markup_percent must be').waitFor()
  expect(await dialog.getByLabel('Markup').getAttribute('aria-invalid')).toBe('true')
  await dialog.getByLabel('Markup').fill('50')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByText('the cost + 50%').waitFor()
  await page.getByText('what calls cost', { exact: true }).waitFor()
  await call('bob')

  await console.go('/ui/customers/bob')
  await page.getByText('That of its budget').waitFor()
  await page.getByRole('button', { name: 'Change rate card' }).click()
  await dialog.getByLabel('A rate card of its own').check()
  await dialog.getByLabel('Prices').fill('{demo')
  await dialog.getByLabel('Free each month').fill('5')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.getByText('This is not JSON').waitFor()
  const prices = { demo: { input_cost_per_token: 0.00001, output_cost_per_token: 0.00001 } }
  await dialog.getByLabel('Prices').fill(JSON.stringify(prices))
  expect(await violations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByText('5 tokens a month free').waitFor()
  const { json: info } = await server.ask('/customer/info?end_user_id=bob')
  expect(info.rate_card).toEqual({ prices, free_allowance: { tokens: 5 } })
  await call('bob')

  const { json: rows } = await server.ask('/spend/logs?end_user=bob')
  await page.reload()
  await page.getByRole('button', { name: `Details of ${rows[0].request_id}` }).click()
  const opened = page.locator('tr.opened')
  await opened.getByText(`version ${rows[0].rate_card_version}; 5 tokens of it free`).waitFor()
  await opened.getByText(`${exact(rows[0].counted)} on its budget`).waitFor()

  await page.getByRole('link', { name: 'Margin' }).click()
  await page.getByRole('table', { name: 'Margin by customer' }).getByText('bob').waitFor()
  const { json: all } = await server.ask('/spend/logs?summarize=false&page_size=100')
  const figures = page.locator('.figure .number')
  for (const [index, title] of marginOf(all).entries()) {
    expect(await figures.nth(index).getAttribute('title')).toBe(title)
  }
  for (const [name, whose, of] of [
    ['model', 'demo', all],
    ['customer', 'bob', rows],
  ]) {
    const table = page.getByRole('table', { name: `Margin by ${name}` })
    const line = table.getByRole('row').filter({ hasText: whose })
    for (const title of marginOf(of)) await line.getByTitle(title, { exact: true }).waitFor()
  }
  expect(await violations(page)).toEqual([])
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: 'CSV by customer' }).click()
  const csv = await Bun.file(await (await download).path()).text()
  expect(csv).toContain('\r\nbob,3,')
  expect(console.complaints).toEqual([])
})

test('a customer sees its balance, the way to more and its statements, and never a cost', async () => {
  await using console = await openConsole({ server, viewport: PHONE })
  const { page, context } = console
  const id = 'a/b <i>'
  const grant = { user_id: id, amount: 5, reason: 'Invoice 118', idempotency_key: 'k' }
  await server.ask('/customer/new', { json: { user_id: id } })
  await server.ask('/customer/credit/grant', {
    json: { ...grant, expires_at: '2099-01-01T00:00:00Z' },
  })
  await call(id)
  const { json: link } = await server.ask('/customer/portal', { json: { user_id: id } })
  const answers: string[] = []
  page.on('response', async (response) => {
    if (/portal\/(summary|usage|statement)/.test(response.url()))
      answers.push(await response.text().catch(() => ''))
  })
  await page.goto(link.url)
  const credit = page.locator('section', { has: page.getByRole('heading', { name: 'Credit' }) })
  const whose = encodeURIComponent(id)
  const { json: wallet } = await server.ask(`/customer/credit/balance?end_user_id=${whose}`)
  await credit.locator('.balance').getByTitle(exact(wallet.balance)).waitFor()
  expect(await credit.getByRole('link', { name: 'Top up' }).getAttribute('href')).toBe(
    `https://app.example.com/billing?customer=${whose}`,
  )
  await credit.getByText('Jan 1, 2099').first().waitFor()
  expect(await violations(page)).toEqual([])

  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: /^To print: / }).click()
  const file = await download
  expect(file.suggestedFilename()).toBe(`statement-${new Date().toISOString().slice(0, 7)}.html`)
  const html = await Bun.file(await file.path()).text()
  expect(html).toContain('a/b &lt;i&gt;')
  const shown = await page.locator('body').textContent()
  expect(answers.length).toBe(3)
  const text = [shown, html.replace(/<style>.*<\/style>/s, ''), ...answers].join('\n')
  expect(text.match(/cost|margin/i)).toBeNull()

  await using operator = await openConsole({ server })
  await operator.signIn()
  await operator.go(`/ui/customers/${whose}`)
  const [opened] = await Promise.all([
    operator.context.waitForEvent('page'),
    operator.page.getByRole('link', { name: 'Open to print' }).click(),
  ])
  await opened.getByText(id).first().waitFor()
  expect(await context.cookies()).toEqual([])
  expect([...console.complaints, ...operator.complaints]).toEqual([])
})

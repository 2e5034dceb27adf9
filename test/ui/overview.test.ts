import { expect, test } from 'bun:test'
import { openConsole } from '../support/browser.ts'

const chat = { model: 'demo', messages: [{ role: 'user', content: 'what time is it' }] }

test('the seed walk: make a tier, put a customer on it, spend, be refused', async () => {
  await using console = await openConsole()
  const { page, server } = console
  await console.signIn()
  await page.getByRole('link', { name: 'Budgets' }).click()
  await page.getByRole('button', { name: '+ Create Budget' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Budget ID').fill('my-free-tier')
  await dialog.getByLabel('Max budget').fill('0.0004')
  await dialog.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('link', { name: 'my-free-tier' }).waitFor()

  await server.ask('/customer/new', { json: { user_id: 'ishaan3', budget_id: 'my-free-tier' } })
  const call = () =>
    server.ask('/chat/completions', { json: { ...chat, user: 'ishaan3', max_tokens: 16 } })
  let refused = await call()
  for (let calls = 1; refused.status === 200 && calls < 50; calls += 1) refused = await call()
  expect(refused.json.error.type).toBe('budget_exceeded')

  await page.getByRole('link', { name: 'my-free-tier' }).click()
  await page.getByRole('link', { name: 'ishaan3' }).click()
  await page.getByRole('heading', { name: 'ishaan3' }).waitFor()
  await page.getByText('$0.0004').first().waitFor()
  expect(console.complaints).toEqual([])
})

test('a call shows on the overview as it happens, without a reload', async () => {
  await using console = await openConsole()
  const { page, server } = console
  await console.signIn()
  await page.getByText('live', { exact: true }).waitFor()
  await page.getByText('No calls in this time.').waitFor()
  await server.ask('/chat/completions', { json: { ...chat, user: 'alice' } })
  const { json: alice } = await server.ask('/customer/info?end_user_id=alice')
  const exact = `$${alice.spend.toFixed(9).replace(/0+$/, '')}`
  await page.locator('.figure', { hasText: 'Spend today' }).getByTitle(exact).waitFor()
  await page.locator('.figure', { hasText: 'Calls today' }).getByText('1').waitFor()
  await page.getByRole('link', { name: 'alice' }).waitFor()
  expect(console.complaints).toEqual([])
})

test('the time that is looked at is in the address, and a link to it shows the same', async () => {
  await using console = await openConsole()
  const { page } = console
  await console.signIn()
  await page.getByLabel('Time').selectOption('7d')
  await page.getByLabel('per').selectOption('hour')
  await page.getByLabel('By').selectOption('customer')
  const address = page.url()
  expect(new URL(address).search).toBe('?range=7d&step=hour&by=customer')
  await page.goto('/ui')
  await page.goto(address)
  expect(await page.getByLabel('Time').inputValue()).toBe('7d')
  expect(await page.getByLabel('By').inputValue()).toBe('customer')
})

import { expect, test } from 'bun:test'
import { openConsole, violations } from '../support/browser.ts'

test('a tier is made, and changed by who sees before whom it would stop', async () => {
  await using console = await openConsole()
  const { page, server } = console
  const dialog = page.getByRole('dialog')
  await console.signIn()
  await page.getByRole('link', { name: 'Budgets' }).click()
  await page.getByText('There are no budgets yet.').waitFor()
  await page.getByRole('button', { name: '+ Create Budget' }).click()
  await dialog.getByLabel('Budget ID').fill('pro')
  await dialog.getByLabel('Max budget').fill('20')
  await dialog.getByLabel('Period', { exact: true }).fill('1month')
  await dialog.getByText('budget_duration must be').waitFor()
  await dialog.getByLabel('Period', { exact: true }).fill('monthly')
  await dialog.getByText('Next reset').waitFor()
  await dialog.getByLabel('Requests a minute').fill('60')
  await dialog.getByRole('button', { name: 'Add a model' }).click()
  await dialog.locator('.model-row select').selectOption('demo')
  await dialog.getByLabel('Dollars', { exact: true }).fill('5')
  await dialog.getByText('More: how strictly').click()
  await dialog.getByLabel('Time zone').fill('Mars')
  await dialog.getByRole('button', { name: 'Create' }).click()
  await dialog.getByText('timezone must be').first().waitFor()
  expect(await violations(page)).toEqual([])
  await dialog.getByLabel('Time zone').fill('Europe/Berlin')
  await dialog.getByLabel('Months begin on day').fill('15')
  await dialog.getByRole('button', { name: 'Create' }).click()
  await page.getByText('$20.00 per month').waitFor()
  await page.getByText('demo: $5.00 in all').waitFor()

  for (const [user_id, spend] of [['alice', 12] as const, ['bob', 3] as const]) {
    await server.ask('/customer/new', { json: { user_id, budget_id: 'pro', spend } })
  }
  await page.getByRole('link', { name: 'pro' }).click()
  const table = page.getByRole('table', { name: 'Customers on it' })
  await table.getByRole('link', { name: 'alice' }).waitFor()
  expect(await table.locator('a.customer').allTextContents()).toEqual(['alice', 'bob'])
  await page.getByRole('button', { name: 'Edit' }).click()
  const over = dialog.getByRole('region', { name: 'Who would be over' })
  await over.getByText('Of 2 customers on it, 0 would').waitFor()
  await dialog.getByLabel('Max budget').fill('10')
  await over.getByText('Of 2 customers on it, 1 would').waitFor()
  await over.getByText('alice').waitFor()
  expect(await violations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByText('$10.00 per month').waitFor()
  const { json } = await server.ask('/budget/info', { json: { budgets: ['pro'] } })
  expect(json).toMatchObject([
    {
      max_budget: 10,
      budget_duration: 'monthly',
      rpm_limit: 60,
      timezone: 'Europe/Berlin',
      day_of_month: 15,
      model_max_budget: { demo: { max_budget: 5 } },
    },
  ])
  expect(console.complaints).toEqual([])
})

test('a tier in use is deleted only by who was told whom that leaves without one', async () => {
  await using console = await openConsole()
  const { page, server } = console
  const dialog = page.getByRole('dialog')
  await server.ask('/budget/new', { json: { budget_id: 'pro', max_budget: 20 } })
  await server.ask('/customer/new', { json: { user_id: 'alice', budget_id: 'pro' } })
  await console.signIn()
  await console.go('/ui/budgets/pro')
  await page.getByRole('button', { name: 'Delete' }).click()
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await dialog.getByText("1 customer is on budget 'pro'").waitFor()
  expect((await server.ask('/budget/list')).json).toHaveLength(1)
  await dialog.getByRole('button', { name: 'Delete it, and leave them without a budget' }).click()
  await page.getByText('There are no budgets yet.').waitFor()
  const { json: alice } = await server.ask('/customer/info?end_user_id=alice')
  expect(alice.litellm_budget_table).toBeNull()
  expect(console.complaints).toEqual([])
})

test('who is signed in to look is offered nothing that would be refused', async () => {
  await using console = await openConsole()
  const { page, server } = console
  await server.ask('/budget/new', { json: { budget_id: 'pro', max_budget: 20 } })
  await server.ask('/customer/new', { json: { user_id: 'alice', budget_id: 'pro' } })
  const { json } = await server.ask('/key/generate', { json: { key_type: 'read_only' } })
  await console.signIn(json.key)
  for (const [path, seen] of [
    ['/ui/customers', 'alice'],
    ['/ui/customers/alice', '$20.00 in all'],
    ['/ui/budgets', 'pro'],
    ['/ui/budgets/pro', '$20.00 in all'],
  ] as const) {
    await console.go(path)
    await page.getByText(seen).first().waitFor()
    const buttons = await page.locator('main').getByRole('button').allTextContents()
    const acts = /New|Create|Edit|Block|Delete|Change|Correct/
    expect(
      buttons.filter((name) => acts.test(name)),
      path,
    ).toEqual([])
  }
  expect(console.complaints).toEqual([])
})

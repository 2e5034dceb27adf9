import { afterAll, expect, test } from 'bun:test'
import { openConsole } from '../support/browser.ts'
import { startServer } from '../support/server.ts'

const server = await startServer()
afterAll(() => server[Symbol.asyncDispose]())

test('a key is made, its secret shown once, used, blocked, made anew, and deleted', async () => {
  await using console = await openConsole({ server })
  const { page } = console
  await server.ask('/customer/new', { json: { user_id: 'alice' } })
  const models = (key: string) =>
    server.ask('/models', { headers: { authorization: `Bearer ${key}` } })
  await console.signIn()
  await page.getByRole('link', { name: 'Keys' }).click()
  await page.getByText('There is no virtual key yet.').waitFor()

  await page.getByRole('button', { name: 'Create Key' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Alias').fill('backend')
  await dialog.getByLabel('Customer').fill('alice')
  await dialog.getByLabel('Only some').check()
  await dialog.getByLabel('demo', { exact: true }).check()
  await dialog.getByLabel('Limits of its own').check()
  await dialog.getByLabel('Max budget').fill('-4')
  await dialog.getByLabel('Good for').fill('30d')
  await dialog.getByRole('button', { name: 'Create' }).click()
  await dialog.getByText('max_budget must be a non-negative finite number').waitFor()
  expect(await dialog.getByLabel('Good for').inputValue()).toBe('30d')
  await dialog.getByLabel('Max budget').fill('4')
  await dialog.getByRole('button', { name: 'Create' }).click()
  const secret = await dialog.getByLabel('The secret').inputValue()
  await page.keyboard.press('Escape')
  await dialog.getByRole('button', { name: 'I have copied it' }).click()
  expect(await page.content()).not.toContain(secret)

  const row = page.getByRole('row', { name: 'backend' })
  await row.getByText('$4.00').waitFor()
  for (const text of ['alice', 'demo', 'in 30 days', secret.slice(-4)]) {
    expect(await row.textContent()).toContain(text)
  }
  expect((await models(secret)).status).toBe(200)
  await row.getByRole('button', { name: 'Block' }).click()
  await row.getByText('blocked').waitFor()
  expect((await models(secret)).status).not.toBe(200)
  await row.getByRole('button', { name: 'Unblock' }).click()
  await row.getByRole('button', { name: 'Block backend', exact: true }).waitFor()

  await row.getByRole('button', { name: 'Regenerate' }).click()
  await dialog.getByRole('button', { name: 'Regenerate' }).click()
  const anew = await dialog.getByLabel('The secret').inputValue()
  await dialog.getByRole('button', { name: 'I have copied it' }).click()
  expect([(await models(secret)).status, (await models(anew)).status]).toEqual([401, 200])

  await row.getByRole('button', { name: 'Delete' }).click()
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await page.getByText('There is no virtual key yet.').waitFor()
  expect((await models(anew)).status).toBe(401)
  expect(console.complaints).toEqual([])
})

test('keys are found by a part of their name, edited, and seen alone by who may not act', async () => {
  await using console = await openConsole({ server })
  const { page } = console
  await server.ask('/budget/new', { json: { budget_id: 'pro', max_budget: 5 } })
  for (const key_alias of ['one', 'two', '<i>three</i>']) {
    await server.ask('/key/generate', { json: { key_alias, max_budget: 1 } })
  }
  await console.signIn()
  await console.go('/ui/keys')
  await page.getByLabel('Find keys').fill('<i>')
  await page.getByText('1 key', { exact: true }).waitFor()
  expect(new URL(page.url()).searchParams.get('search')).toBe('<i>')
  await page.getByRole('button', { name: 'Edit' }).click()
  const dialog = page.getByRole('dialog')
  expect(await dialog.getByLabel('Max budget').inputValue()).toBe('1')
  await dialog.getByLabel('On a tier').check()
  await dialog.getByLabel('Tier', { exact: true }).selectOption('pro')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('link', { name: 'pro' }).waitFor()
  await page.getByText('$5.00').waitFor()

  const { json } = await server.ask('/key/generate', { json: { key_type: 'read_only' } })
  await using other = await openConsole({ server })
  await other.signIn(json.key)
  await other.go('/ui/keys?search=two')
  await other.page.getByRole('row', { name: 'two' }).waitFor()
  expect(await other.page.locator('main button', { hasText: /Create|Delete|Block/ }).count()).toBe(
    0,
  )
})

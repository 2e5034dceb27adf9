import { expect, test } from 'bun:test'
import { openConsole } from '../support/browser.ts'
import { Gate } from '../support/gate.ts'
import { startUpstream } from '../support/upstream.ts'

test('a call shows its answer, its cost to the nano-dollar, and the tab after it', async () => {
  await using console = await openConsole()
  const { page, server } = console
  await server.ask('/customer/new', { json: { user_id: 'alice', alias: 'Alice', max_budget: 1 } })
  await console.signIn()
  await console.go('/ui/playground')
  await page.getByLabel('Customer').fill('ali')
  await page.locator('datalist option[value=alice]').waitFor({ state: 'attached' })
  await page.getByLabel('Customer').fill('alice')
  await page.getByLabel('Prompt').fill('what time is it')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText('You said: what time is it').waitFor()
  await page.getByText('Spend after it').waitFor()

  const { json: rows } = await server.ask('/spend/logs')
  const exact = `$${rows[0].spend.toFixed(9).replace(/0+$/, '')}`
  expect(await page.locator('.charge').textContent()).toBe(exact)
  expect(await page.locator('.rows').textContent()).toBe(
    `input${rows[0].usage.input}output${rows[0].usage.output}`,
  )
  await page.getByText('The same call with curl').click()
  expect(await page.getByLabel('The call with curl').inputValue()).toContain('"user": "alice"')

  // Who has no tab yet gets one.
  await page.getByLabel('Customer').fill('<b>new</b>')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByRole('link', { name: '<b>new</b>' }).waitFor()
  expect(console.complaints).toEqual([])
})

test('what is refused is told where it happens, and nothing that was typed is lost', async () => {
  await using console = await openConsole({
    config: `
model_list:
  - model_name: demo
    litellm_params: {model: demo/demo}
  - model_name: unpriced
    litellm_params: {model: openai/nobody-knows-it, api_base: "http://127.0.0.1:9/v1", api_key: x}
`,
  })
  const { page, server } = console
  const send = () => page.getByRole('button', { name: 'Send' }).click()
  await server.ask('/customer/new', { json: { user_id: 'poor', max_budget: 0.0000001 } })
  await server.ask('/customer/block', { json: { user_ids: ['blocked'] } })
  await console.signIn()
  await console.go('/ui/playground?customer=poor')
  await page.getByLabel('Prompt').fill('do not lose this')
  await send()
  await page.getByRole('alert').getByText('ExceededBudget').waitFor()
  await page.getByLabel('Model').selectOption('unpriced')
  await send()
  await page.getByText('no price').last().waitFor()
  await page.getByLabel('Model').selectOption('demo')
  await page.getByLabel('Customer').fill('blocked')
  await send()
  await page.locator('.field', { hasText: 'Customer' }).getByText('is blocked').waitFor()
  expect(await page.getByLabel('Prompt').inputValue()).toBe('do not lose this')
})

test('Stop hangs up, and what had come is charged', async () => {
  await using upstream = await startUpstream()
  await using console = await openConsole({
    config: `
model_list:
  - model_name: slow
    litellm_params: {model: openai/gpt-4o, api_base: "${upstream.url}", api_key: x}
`,
  })
  const { page } = console
  const gate = new Gate()
  upstream.next({ holds: [{ at: { events: 3 }, gate }] })
  await console.signIn()
  await console.go('/ui/playground?customer=alice')
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText('Answering…').waitFor()
  await page.locator('.answer:not(:empty)').waitFor()
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('Stopped.').waitFor()
  await page.getByText('stopped, and charged for what had been delivered').waitFor()
  expect(await page.locator('.charge').textContent()).not.toBe('$0.00')
  gate.open()
})

test('a read-only key is told that it may not call', async () => {
  await using console = await openConsole()
  const { page, server } = console
  const { json } = await server.ask('/key/generate', { json: { key_type: 'read_only' } })
  await console.signIn(json.key)
  await console.go('/ui/playground')
  await page.getByText('may look, and not call').waitFor()
  expect(await page.getByRole('button', { name: 'Send' }).count()).toBe(0)
})

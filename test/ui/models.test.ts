import { afterAll, expect, test } from 'bun:test'
import { openConsole, PHONE } from '../support/browser.ts'
import { startServer } from '../support/server.ts'
import { startUpstream } from '../support/upstream.ts'

const upstream = await startUpstream()
const server = await startServer({
  config: `
model_list:
  - model_name: demo
    litellm_params: {model: demo/demo}
  - model_name: twins
    litellm_params: {model: openai/gpt-4o, api_base: "${upstream.url}", api_key: x, weight: 3}
  - model_name: twins
    litellm_params: {model: openai/gpt-4o-mini, api_base: "${upstream.url}", api_key: x}
    model_info: {id: second}
  - model_name: 'our: own'
    litellm_params: {model: openai/nobody-knows-it, api_base: "${upstream.url}", api_key: x}
router_settings: {cooldown_time: 600}
`,
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const messages = [{ role: 'user', content: 'hello' }]
const ask = (model: string) =>
  server.ask('/chat/completions', { json: { model, user: 'alice', messages } })
await ask('demo')
upstream.next({ status: 429 })
await ask('twins')

test('each deployment is there with its price, where that is from, and how it does', async () => {
  await using console = await openConsole({ server })
  const { page } = console
  await console.signIn()
  await console.go('/ui/models')
  const table = (model: string) => page.getByRole('table', { name: `Deployments of ${model}` })
  const demo = page.locator('section', { has: page.getByRole('heading', { name: 'demo' }) })
  await demo.getByText('1 call today').waitFor()
  expect(await table('demo').textContent()).toMatch(/input\$3.*output\$15.*made up for the demo/)

  const [first, second] = await table('twins').locator('tbody tr').allTextContents()
  expect(`${first}${second}`).toContain('published: openai/gpt-4o')
  expect(first).toContain('weight 3')
  const cooled = [first!, second!].filter((row) => row.includes('left alone'))
  expect(cooled).toHaveLength(1)
  expect(cooled[0]).toContain('status 429')
  expect(console.complaints).toEqual([])
})

test('what has no price is red, with the lines of the config that give it one', async () => {
  await using console = await openConsole({ server, viewport: PHONE, dark: true })
  const { page } = console
  await console.signIn()
  await console.go('/ui/models')
  await page.getByText('1 deployment without a price').waitFor()
  await page.getByLabel('Input, $ a million').fill('0.15')
  await page.getByLabel('Output, $ a million').fill('2.5')
  const lines = await page.getByLabel('The lines that give our: own a price').inputValue()
  expect(lines).toContain('input_cost_per_token: 0.00000015\n')

  const config = lines.replace('api_base', 'api_key: x\n      api_base')
  await using mended = await startServer({ config })
  const { json } = await mended.ask('/model/info')
  expect(json.data).toMatchObject([
    {
      model_name: 'our: own',
      model_info: {
        price_source: 'config',
        input_cost_per_token: 0.00000015,
        output_cost_per_token: 0.0000025,
      },
    },
  ])
})

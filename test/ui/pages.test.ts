import { afterAll, describe, expect, test } from 'bun:test'
import { DESKTOP, openConsole, PHONE, violations } from '../support/browser.ts'
import { startServer } from '../support/server.ts'

/** What a customer may be called by whoever writes `user` into a call. */
const HOSTILE = '<img src=x onerror="document.title=1">'

const server = await startServer({
  config: `
model_list:
  - model_name: demo
    litellm_params: {model: demo/demo}
  - model_name: unpriced
    litellm_params: {model: openai/nobody-knows-it, api_base: "http://127.0.0.1:9/v1", api_key: x}
tollgate_settings:
  webhooks:
    - {name: crm, url: "http://127.0.0.1:9/hook", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}
`,
})
afterAll(() => server[Symbol.asyncDispose]())

const messages = [{ role: 'user', content: 'hello' }]
await server.ask('/budget/new', { json: { budget_id: 'pro', max_budget: 5, rpm_limit: 60 } })
await server.ask('/customer/new', { json: { user_id: 'alice', alias: 'Alice', budget_id: 'pro' } })
await server.ask('/customer/new', { json: { user_id: HOSTILE, max_budget: 0.001 } })
await server.ask('/key/generate', { json: { key_alias: 'search', customer_id: 'alice' } })
for (const user of ['alice', HOSTILE]) {
  await server.ask('/chat/completions', { json: { model: 'demo', user, messages, max_tokens: 5 } })
}

const PAGES = [
  '/ui',
  '/ui?by=customer',
  '/ui/customers',
  '/ui/customers/alice',
  `/ui/customers/${encodeURIComponent(HOSTILE)}`,
  '/ui/budgets',
  '/ui/budgets/pro',
  '/ui/margin',
  '/ui/models',
  '/ui/playground',
  '/ui/keys',
  '/ui/webhooks',
]

describe.each([
  { name: 'desktop, light', viewport: DESKTOP, dark: false },
  { name: 'phone, dark', viewport: PHONE, dark: true },
])('on a $name', ({ viewport, dark }) => {
  test('each page can be used by everybody, fits, and takes ids as text', async () => {
    await using console = await openConsole({ server, viewport, dark })
    const { page } = console
    await console.signIn()
    for (const path of PAGES) {
      await console.go(path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.waitForLoadState('load')
      await page.locator('[aria-busy=true]').waitFor({ state: 'detached' })
      expect(await violations(page), path).toEqual([])
      const { scrollWidth, clientWidth } = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement
        return { scrollWidth, clientWidth }
      })
      expect(scrollWidth, `${path} is wider than the screen`).toBeLessThanOrEqual(clientWidth)
      expect(await page.title(), path).not.toBe('1')
      expect(await page.locator('img').count(), path).toBe(0)
    }
    expect(console.complaints).toEqual([])
  })
})

test('each page is reached, and left, by the keyboard alone', async () => {
  await using console = await openConsole({ server })
  const { page } = console
  await console.signIn()
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content')
  for (const name of ['Customers', 'Budgets', 'Models', 'Playground', 'Keys', 'Webhooks']) {
    const link = page.getByRole('navigation', { name: 'Console' }).getByRole('link', { name })
    await link.focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name }).waitFor()
    expect(await link.getAttribute('aria-current')).toBe('page')
  }
})

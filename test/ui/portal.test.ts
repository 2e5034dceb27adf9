import { expect, test } from 'bun:test'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openConsole, PHONE, violations } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'
import type { Server } from '../support/server.ts'

/** Another's page, with whatever it is asked for in a frame. It has two origins by its two names. */
async function startHost() {
  const server = createServer((request, response) => {
    const to = new URL(request.url ?? '', 'http://localhost').searchParams.get('to') ?? ''
    response.setHeader('content-type', 'text/html')
    response.end(`<!doctype html><iframe width="380" height="800" src="${to}"></iframe>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    listed: `http://localhost:${port}`,
    other: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const configWith = (origins: readonly string[] = []) => `
model_list:
- {model_name: demo, litellm_params: {model: demo/demo}}
tollgate_settings:
  portal:
    name: Acme <b>Cloud</b>
    accent: '#ffcc00'
    origins: [${origins.join(', ')}]
`

const call = (server: Server, user: string) =>
  server.ask('/v1/chat/completions', {
    json: { model: 'demo', user, messages: [{ role: 'user', content: 'Say hello' }] },
  })

async function linkFor(server: Server, user: string, duration = '1h'): Promise<string> {
  const { json } = await server.ask('/customer/portal', { json: { user_id: user, duration } })
  return json.url
}

test('a customer sees its own spend, limits and models, and what it uses while it looks', async () => {
  await using console = await openConsole({ config: configWith(), viewport: PHONE, dark: true })
  const { page, server, context } = console
  const id = '<img src=x onerror=document.title="gone">'
  const limits = { max_budget: 5, budget_duration: '30d', rpm_limit: 60 }
  await server.ask('/customer/new', { json: { user_id: id, ...limits } })
  await page.clock.install()
  await page.goto(await linkFor(server, id))

  await page.getByRole('heading', { level: 1, name: id }).waitFor()
  await page.getByText('Acme <b>Cloud</b>').waitFor()
  await page.getByText('Nothing was used in this time.').waitFor()
  await page.getByText('60 calls a minute.').waitFor()
  await page.getByText('$5.00 a month.').waitFor()
  expect(await page.title()).toBe(`${id} · Acme <b>Cloud</b>`)

  await call(server, id)
  await call(server, 'somebody-else')
  await page.clock.runFor(31_000)
  const row = page.getByRole('table', { name: 'Usage by model' }).getByRole('row')
  await row.filter({ hasText: 'demo' }).waitFor()
  await page.getByText(/ for 1 call and /).waitFor()
  const { json } = await server.ask(`/customer/info?end_user_id=${encodeURIComponent(id)}`)
  expect(json.spend).toBeGreaterThan(0)
  const spent = page.locator('.allowance .number').first()
  await eventually(async () => expect(await spent.getAttribute('title')).toBe(`$${json.spend}`))

  await page.getByLabel('Time').selectOption('90')
  await page.getByText('As a table').click()
  const days = page.getByRole('table', { name: 'Spent by day and model' }).locator('tbody tr')
  await eventually(async () => expect(await days.count()).toBe(90))
  expect(await violations(page)).toEqual([])
  const isWide = () => page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
  expect(await isWide()).toBe(false)
  expect(await context.cookies()).toEqual([])

  const { url } = server
  await server.ask('/customer/block', { json: { user_ids: [id] } })
  await page.clock.runFor(31_000)
  await page.getByText('has paused this account').waitFor()
  await server.ask('/customer/delete', { json: { user_ids: [id] } })
  await page.clock.runFor(31_000)
  await page.getByText('The customer of this link is not there any more.').waitFor()
  expect(await page.getByText('demo').count()).toBe(0)
  expect(page.url()).toStartWith(`${url}/portal#portal_`)
  expect(console.complaints).toEqual([])
  expect(server.output()).not.toContain('portal_')
})

test('without a link, or with one that is forged or over, the page says what to do', async () => {
  await using console = await openConsole({ config: configWith() })
  const { page, server } = console
  await server.ask('/customer/new', { json: { user_id: 'alice' } })
  const link = await linkFor(server, 'alice', '1s')
  await page.goto('/portal')
  await page.getByRole('heading', { name: 'This page opens by a link' }).waitFor()
  expect(await violations(page)).toEqual([])

  // Only the fragment changes: the page stays, and follows it.
  await page.goto(`${link.slice(0, -1)}${link.endsWith('A') ? 'E' : 'A'}`)
  await page.getByText('This link is not a good one, or not whole; ask for a new one.').waitFor()
  const isOver = async () => {
    const authorization = `Bearer ${link.split('#')[1]}`
    return (await server.fetch('/portal/summary', { headers: { authorization } })).status === 401
  }
  await eventually(async () => expect(await isOver()).toBe(true))
  await page.goto(link)
  await page.getByRole('heading', { name: 'This link has expired' }).waitFor()
  await page.getByText(/^It was good until .* Ask Acme <b>Cloud<\/b> for a new one\.$/).waitFor()
  await page.goto(await linkFor(server, 'alice'))
  await page.getByRole('heading', { name: 'alice' }).waitFor()
  expect(await violations(page)).toEqual([])
  expect(console.complaints).toEqual([])
})

test('the page works in a frame of an origin that the config lists, and of no other', async () => {
  await using host = await startHost()
  await using console = await openConsole({ config: configWith([host.listed]) })
  const { page, server, context } = console
  await call(server, 'alice')
  const link = await linkFor(server, 'alice')
  const framed = (origin: string) => `${origin}/?to=${encodeURIComponent(link)}`

  await page.goto(framed(host.listed))
  const inside = page.frameLocator('iframe')
  await inside.getByRole('heading', { name: 'alice' }).waitFor()
  await inside.getByRole('table', { name: 'Usage by model' }).waitFor()
  const brand = inside.locator('.operator')
  const colour = await brand.evaluate((element) => {
    const { backgroundColor, color } = getComputedStyle(element)
    return [backgroundColor, color]
  })
  expect(colour).toEqual(['rgb(255, 204, 0)', 'rgb(0, 0, 0)'])
  expect(await context.cookies()).toEqual([])
  expect(console.complaints).toEqual([])

  await page.goto(framed(host.other))
  await eventually(() =>
    expect(console.complaints.join()).toContain(`frame-ancestors ${host.listed}`),
  )
  expect(await inside.getByRole('heading', { name: 'alice' }).count()).toBe(0)
})

test('a link is made in the console, where the customer is', async () => {
  await using console = await openConsole()
  const { page, server, context } = console
  await server.ask('/customer/new', { json: { user_id: 'a/b' } })
  await console.signIn()
  await page.goto('/ui/customers/a%2Fb')
  await page.getByRole('button', { name: 'Its own page' }).click()
  const dialog = page.getByRole('dialog', { name: "A link to the customer's own page" })
  await dialog.getByLabel('Good for').selectOption('7d')
  await dialog.getByRole('button', { name: 'Make a link' }).click()
  const made = dialog.getByLabel('Link', { exact: true })
  await made.waitFor()
  expect(await violations(page)).toEqual([])
  const [opened] = await Promise.all([
    context.waitForEvent('page'),
    dialog.getByRole('link', { name: 'Open it' }).click(),
  ])
  expect(opened.url()).toBe(await made.inputValue())
  await opened.getByRole('heading', { name: 'a/b' }).waitFor()
  expect(console.complaints).toEqual([])
})

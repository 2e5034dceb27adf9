import { expect, test } from 'bun:test'
import { openConsole } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'

const cookieOf = (headers: Headers) => headers.get('set-cookie') ?? ''

test('who has no session sees the sign-in and nothing else, wherever the address leads', async () => {
  await using console = await openConsole()
  const { page } = console
  await page.goto('/ui/customers/alice')
  await page.getByLabel('Key').waitFor()
  expect(await page.getByRole('navigation').count()).toBe(0)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('Paste a key first').waitFor()
  await page.getByLabel('Key').fill('sk-wrong')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').getByText('Authentication Error').waitFor()
  expect(await page.getByLabel('Key').inputValue()).toBe('sk-wrong')
})

test('signed in, the session is in a cookie that no script reads, and signing out ends it', async () => {
  await using console = await openConsole()
  const { page, context, server } = console
  await console.signIn()
  const [cookie] = await context.cookies()
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/' })
  expect(await page.evaluate(() => document.cookie)).toBe('')

  const stolen = { cookie: `${cookie!.name}=${cookie!.value}`, authorization: '' }
  const withCookie = () => fetch(`${server.url}/customer/list`, { headers: stolen })
  expect((await withCookie()).status).toBe(200)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByLabel('Key').waitFor()
  expect((await withCookie()).status).toBe(401)
  expect(console.complaints).toEqual([])
})

test('a read-only key looks and changes nothing; its session ends with the key', async () => {
  await using console = await openConsole()
  const { page, server } = console
  const made = await server.ask('/key/generate', {
    json: { key_type: 'read_only', key_alias: 'auditor' },
  })
  await console.signIn(made.json.key)
  await page.getByText('read only: auditor').waitFor()
  const status = await page.evaluate(async () => {
    const headers = { 'content-type': 'application/json', 'x-tollgate-console': '1' }
    const body = JSON.stringify({ user_id: 'eve' })
    return (await fetch('/customer/new', { method: 'POST', headers, body })).status
  })
  expect(status).toBe(403)

  await server.ask('/key/delete', { json: { keys: [made.json.key] } })
  await page.reload()
  await page.getByLabel('Key').waitFor()
})

test('a session that ends in the midst of work is asked for over the page, which goes on', async () => {
  await using console = await openConsole()
  const { page, context } = console
  await console.signIn()
  await context.clearCookies()
  await page.getByLabel('By').selectOption('customer')
  const dialog = page.getByRole('dialog', { name: 'Your session is over' })
  await dialog.getByLabel('Key').fill('sk-test')
  await dialog.getByRole('button', { name: 'Sign in' }).click()
  await eventually(async () => expect(await dialog.count()).toBe(0))
  expect(page.url()).toContain('by=customer')
})

test('a page of another site cannot act with the session, nor read what it may', async () => {
  await using console = await openConsole()
  const { context, server } = console
  await console.signIn()
  const [cookie] = await context.cookies()
  const asked = (path: string, headers: Record<string, string>, method = 'POST') =>
    fetch(`${server.url}${path}`, {
      method,
      headers: { cookie: `${cookie!.name}=${cookie!.value}`, ...headers },
      ...(method === 'POST' && { body: '{"user_ids":["alice"]}' }),
    })
  const json = { 'content-type': 'application/json' }
  for (const site of ['cross-site', 'same-site', 'none']) {
    const told = await asked('/customer/block', { ...json, 'sec-fetch-site': site })
    expect(told.status, site).toBe(401)
  }
  // A browser that does not tell where a request is from: only our own pages send the header.
  expect((await asked('/customer/block', json)).status).toBe(401)
  const read = await asked('/customer/list', { 'sec-fetch-site': 'same-site' }, 'GET')
  expect(read.status).toBe(401)
  const ours = await asked('/customer/block', { ...json, 'sec-fetch-site': 'same-origin' })
  expect(ours.status).toBe(200)
})

test('another master key makes every session void', async () => {
  await using console = await openConsole()
  const { server } = console
  const opened = await server.fetch('/ui/session', { method: 'POST' })
  const cookie = cookieOf(opened.headers).split(';')[0]!
  await server.stop()
  await using again = await openConsole({
    folder: server.folder,
    env: { TOLLGATE_MASTER_KEY: 'sk-another' },
  })
  const { status } = await fetch(`${again.server.url}/ui/session`, { headers: { cookie } })
  expect(status).toBe(401)
})

test('the page runs no script but ours, is shown in no frame, and weighs less than 200 KB', async () => {
  await using console = await openConsole()
  const { server } = console
  const packed = { headers: { 'accept-encoding': 'gzip' }, decompress: false } as RequestInit
  const html = await server.fetch('/ui')
  const policy = html.headers.get('content-security-policy') ?? ''
  expect(policy).toContain("script-src 'self';")
  expect(policy).not.toContain('unsafe')
  expect(policy).toContain("frame-ancestors 'none'")
  const sizes = await Promise.all(
    ['/ui', '/ui/app.js', '/ui/app.css'].map(
      async (path) => (await (await server.fetch(path, packed)).bytes()).length,
    ),
  )
  expect(sizes.every((size) => size > 0)).toBe(true)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(200_000)
})

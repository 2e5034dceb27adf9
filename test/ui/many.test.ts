import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { fill } from '../bench/fill.ts'
import { openConsole } from '../support/browser.ts'
import { startServer } from '../support/server.ts'
import { newFolder } from '../support/store.ts'

test('a hundred thousand customers are searched, sorted and paged by the server', async () => {
  const folder = newFolder()
  const now = Date.now()
  await fill(join(folder, 'tollgate.db'), { rows: 100_000, customers: 100_000, now })
  await using server = await startServer({ folder })
  await using console = await openConsole({ server })
  const { page } = console
  await console.signIn()
  await page.getByRole('link', { name: 'Customers', exact: true }).click()
  await page.getByText('100,000 customers').waitFor()
  const rows = page.getByRole('table', { name: 'Customers' }).locator('tbody tr')
  const idsAt = async (row: number) => rows.nth(row).getByRole('link').first().getAttribute('href')

  const first = await idsAt(0)
  expect(await rows.count()).toBeLessThanOrEqual(100)
  await page.getByRole('button', { name: 'Next' }).click()
  await page.waitForFunction(
    (before) => document.querySelector('tbody tr a')?.getAttribute('href') !== before,
    first,
  )
  await page.getByRole('button', { name: 'Previous' }).click()
  await page.waitForFunction(
    (before) => document.querySelector('tbody tr a')?.getAttribute('href') === before,
    first,
  )

  await page.getByLabel('Search').fill('customer-99999')
  await page.waitForURL(/search=customer-99999/)
  await rows.getByRole('link', { name: 'customer-99999' }).first().waitFor()
  expect(await rows.count()).toBe(1)
  // A link to it shows the same.
  await page.reload()
  await rows.getByRole('link', { name: 'customer-99999' }).first().waitFor()
  expect(console.complaints).toEqual([])
}, 60_000)

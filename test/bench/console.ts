/**
 * What the console's numbers cost by how much there is:
 * `bun test/bench/console.ts --rows 10000 --rows 10000000 [--folder FOLDER] [--keep]`.
 *
 * How it avoids fooling itself: the databases are filled by `fill.ts`, a tenth as many customers as
 * rows and so that `tollgate verify` agrees; the server is a process of its own, over HTTP, one size
 * after the other in one run; each route is asked 20 times after one that does not count, and the
 * median and the slowest are told; answers that are not 200 end it. Memory is the kernel's word
 * (VmRSS), start-up the time from the launch to the line that says that it listens. With --keep a
 * folder's databases are used again.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startServer } from '../support/server.ts'
import { fill } from './fill.ts'

const ASKED = 20
const { values } = parseArgs({
  options: {
    rows: { type: 'string', multiple: true, default: ['10000', '10000000'] },
    folder: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})
const sizes = values.rows.map(Number)
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'tollgate-console-'))

const day = (before: number) =>
  new Date(Date.now() - before * 86_400_000).toISOString().slice(0, 10)
const month = `start_date=${day(29)}&end_date=${day(0)}`
const twoDays = `start_date=${day(1)}&end_date=${day(0)}&step=hour`

/** Of the customer that calls most, and of one in the middle. */
const ROUTES = [
  '/spend/now',
  `/spend/series?${month}`,
  `/spend/series?${month}&by=model`,
  `/spend/series?${month}&by=customer`,
  `/spend/series?${month}&by=model&end_user=customer-0002`,
  `/spend/series?${month}&step=hour&by=model`,
  `/spend/series?${twoDays}&by=customer`,
  `/spend/series?${twoDays}&end_user=customer-0077`,
  ...['user_id', 'alias', 'spend', 'total_spend', 'created_at', 'updated_at'].flatMap((sort) => [
    `/customer/list?sort=${sort}&order=desc`,
    `/customer/list?sort=${sort}&budget_id=pro`,
  ]),
  '/customer/list?sort=spend&order=desc&blocked=true',
  '/customer/list?sort=spend&order=desc&blocked=false&budget_id=scale',
  '/customer/list?search=customer&sort=spend&order=desc',
  '/customer/list?search=er-777&sort=spend&order=desc',
  '/customer/list?search=no+such',
  '/customer/list?search=77',
  '/budget/list',
  '/customer/near_limit?share=0.5',
]

type Measured = { readonly median: number; readonly slowest: number }

async function measure(rows: number) {
  const own = join(folder, String(rows))
  mkdirSync(own, { recursive: true })
  const path = join(own, 'tollgate.db')
  const customers = Math.max(1, Math.floor(rows / 10))
  if (!values.keep || !existsSync(path)) await fill(path, { rows, customers, now: Date.now() })
  // The first start may still bring an older file up to date.
  await (await startServer({ folder: own })).stop()
  const launchedAt = performance.now()
  const server = await startServer({ folder: own })
  const startMs = performance.now() - launchedAt
  const residentMb = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))![1]) / 1024
  const atStart = residentMb()
  const took = new Map<string, Measured>()
  const ask = async (route: string, path = route): Promise<Headers> => {
    const times: number[] = []
    let headers = new Headers()
    for (let n = 0; n <= ASKED; n++) {
      const startedAt = performance.now()
      const told = await server.ask(path)
      if (told.status !== 200) throw new Error(`${path}: ${told.status} ${told.text}`)
      if (n > 0) times.push(performance.now() - startedAt)
      headers = told.headers
    }
    const sorted = times.sort((a, b) => a - b)
    took.set(route, { median: sorted[ASKED >> 1]!, slowest: sorted.at(-1)! })
    return headers
  }
  for (const route of ROUTES) await ask(route)
  let page = '/customer/list?sort=spend&order=desc&page_size=100'
  for (let n = 0; n < Math.min(200, customers / 100 - 1); n++) {
    const { headers } = await server.ask(page)
    page = /^<(.+)>/.exec(headers.get('link') ?? '')?.[1] ?? page
  }
  await ask('/customer/list?sort=spend&order=desc&cursor=… (200 pages on)', page)
  const after = residentMb()
  await server.stop()
  if (!values.keep) rmSync(own, { recursive: true })
  return { rows, customers, startMs, atStart, after, took }
}

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Bun ${Bun.version}, in ${folder}`)
const results = []
for (const rows of sizes) results.push(await measure(rows))
for (const { rows, customers, startMs, atStart, after } of results) {
  console.log(
    `${rows} rows, ${customers} customers: starts in ${startMs.toFixed(0)} ms, ` +
      `${atStart.toFixed(0)} MB at the start, ${after.toFixed(0)} MB after all of it`,
  )
}
console.log(`\nroute | ms at ${sizes.join(' | ms at ')} rows: median (slowest)`)
for (const route of results[0]!.took.keys()) {
  const cells = results.map(({ took }) => {
    const { median, slowest } = took.get(route)!
    return `${median.toFixed(1)} (${slowest.toFixed(1)})`
  })
  console.log(`${route.replace(/start_date=[\d-]+&end_date=[\d-]+/, '…')} | ${cells.join(' | ')}`)
}

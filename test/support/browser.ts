import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { type Server, type ServerOptions, startServer } from './server.ts'

/** Debian's Chromium, or the one that `CHROMIUM` names. */
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/** What to do where there is none. */
export const NO_CHROMIUM =
  `There is no ${CHROMIUM}. Install it (apt-get install -y chromium), ` +
  'or say where one is: CHROMIUM=/path/to/chrome'

/** The widths that every page is looked at in. */
export const DESKTOP = { width: 1280, height: 800 }
export const PHONE = { width: 390, height: 844 }

/** The real server and a real browser in front of it. */
export type Console = AsyncDisposable & {
  readonly server: Server
  readonly context: BrowserContext
  readonly page: Page
  /** What the page wrote to its console as errors, and what it could not load: none is expected. */
  readonly complaints: readonly string[]
  /** Goes to a path of the server, signed in. */
  go(path: string): Promise<void>
  signIn(key?: string): Promise<void>
}

export type ConsoleOptions = ServerOptions & {
  readonly viewport?: { readonly width: number; readonly height: number }
  readonly dark?: boolean
  /** Default: one of its own, which ends with it. */
  readonly server?: Server
}

let browser: Promise<Browser> | null = null

/** One browser for all tests of a file; it ends with the process. */
export function startBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) throw new Error(NO_CHROMIUM)
  browser ??= chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
  return browser
}

export async function openConsole(options: ConsoleOptions = {}): Promise<Console> {
  const { viewport = DESKTOP, dark = false } = options
  const server = options.server ?? (await startServer(options))
  const context = await (await startBrowser()).newContext({
    viewport,
    colorScheme: dark ? 'dark' : 'light',
    baseURL: server.url,
    timezoneId: 'Europe/Berlin',
  })
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    // What is refused is told by the browser too; it is the page that has to show it.
    if (message.type() !== 'error' || /Failed to load resource/.test(message.text())) return
    complaints.push(message.text())
  })
  return {
    server,
    context,
    page,
    complaints,
    async go(path) {
      await page.goto(path)
    },
    async signIn(key = server.key) {
      await page.goto('/ui')
      await page.getByLabel('Key').fill(key)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByRole('heading', { name: 'Overview' }).waitFor()
    },
    async [Symbol.asyncDispose]() {
      await context.close()
      if (options.server === undefined) await server[Symbol.asyncDispose]()
    },
  }
}

/**
 * What axe-core finds wrong with a page as it is: one line each. The page's policy lets no script
 * in but its own, so axe is given to it by the debugger.
 */
export async function violations(page: Page): Promise<string[]> {
  const source = await Bun.file(require.resolve('axe-core/axe.min.js')).text()
  await page.evaluate(source)
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') }
    const { violations } = await axe.run(document, { resultTypes: ['violations'] })
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${help} (${target}) ${failureSummary}`),
    )
  })
}

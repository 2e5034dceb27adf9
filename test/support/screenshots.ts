/**
 * `bun run screenshots`: the pictures of the README, `docs/*.png`, from a server that has really
 * had the calls that they show: three weeks of them, each day with the clock set to it.
 */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Console, openConsole, PHONE } from './browser.ts'
import { startReceiver } from './receiver.ts'
import { type Server, startServer } from './server.ts'

const DOCS = join(import.meta.dir, '../../docs')
const DAYS = 21
const DAY_MS = 86_400_000

/** The id, the alias, the tier, and how much of all the calls are theirs. */
const CUSTOMERS = [
  ['acme', 'Acme Corporation', 'enterprise', 30],
  ['globex', 'Globex', 'enterprise', 22],
  ['initech', 'Initech', 'pro', 12],
  ['umbrella', 'Umbrella Labs', 'pro', 10],
  ['hooli', 'Hooli', 'pro', 9],
  ['stark', 'Stark Industries', 'pro', 6],
  ['wayne', 'Wayne Enterprises', 'free', 5],
  ['wonka', 'Wonka Foods', 'free', 3],
  ['tyrell', 'Tyrell', 'free', 2],
  ['cyberdyne', 'Cyberdyne', 'free', 1],
] as const

const MODELS = ['gpt-5-mini', 'gpt-5', 'claude-sonnet', 'fast-local'] as const
const TIERS = [
  { budget_id: 'free', max_budget: 0.02, budget_duration: 'monthly', rpm_limit: 20 },
  { budget_id: 'pro', max_budget: 0.6, budget_duration: 'monthly', rpm_limit: 600 },
  { budget_id: 'enterprise', max_budget: 10, budget_duration: 'monthly', soft_budget: 8 },
]

/** Real prices, and an answer of a real length, without a provider behind it. */
const deployment = (name: string, [input, output]: readonly [number, number]) => `
  - model_name: ${name}
    litellm_params:
      model: openai/${name}
      api_key: none
      mock_response: "${'A sentence of some length, as a model would write it. '.repeat(12)}"
      input_cost_per_token: ${input}e-6
      output_cost_per_token: ${output}e-6`

const configWith = (receiver: string) => `
model_list:${deployment('gpt-5-mini', [0.25, 2])}${deployment('gpt-5', [1.25, 10])}${deployment('claude-sonnet', [3, 15])}${deployment('fast-local', [0.05, 0.1])}
  - model_name: brand-new
    litellm_params: {model: openai/brand-new, api_key: none, api_base: "http://127.0.0.1:9/v1"}
tollgate_settings:
  portal: {name: Acme AI, accent: "#5b3fd6"}
  webhooks:
    - {name: crm, url: "${receiver}", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}
`

/** The same run gives the same pictures. */
function chance(seed: number) {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

const random = chance(7)
const shares = CUSTOMERS.flatMap(([id, , , share]) => Array<string>(share).fill(id))
const oneOf = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!

async function callsOfADay(server: Server, day: number) {
  const weekday = new Date(Date.now() - day * DAY_MS).getUTCDay()
  const count = Math.round(
    (weekday % 6 === 0 ? 25 : 60) * (1.6 - day / DAYS) * (0.8 + random() / 2),
  )
  for (let sent = 0; sent < count; sent += 1) {
    const content = 'Summarise this ticket for the support team, please. '.repeat(
      1 + Math.floor(random() * 40),
    )
    const model = MODELS[Math.floor(random() ** 2 * MODELS.length)]
    const json = { model, user: oneOf(shares), messages: [{ role: 'user', content }] }
    await server.ask('/v1/chat/completions', { json })
  }
}

async function shot(
  console: Console,
  name: string,
  path: string,
  ready: string,
  act: (page: Console['page']) => Promise<void> = async () => {},
) {
  const { page } = console
  await page.goto(path)
  await page.getByText(ready).first().waitFor()
  await page.locator('[aria-busy=true]').waitFor({ state: 'detached' })
  await page.waitForLoadState('networkidle').catch(() => {})
  await act(page)
  await page.screenshot({ path: join(DOCS, `${name}.png`) })
}

mkdirSync(DOCS, { recursive: true })
await using receiver = await startReceiver()
const folder = mkdtempSync(join(tmpdir(), 'tollgate-pictures-'))
const config = configWith(receiver.url)
const command = [process.execPath, '--preload', join(import.meta.dir, 'clock.ts'), 'src/main.ts']
for (let day = DAYS; day > 0; day -= 1) {
  const env = { CLOCK_SHIFT_MS: String(-day * DAY_MS) }
  await using server = await startServer({ folder, config, command, env })
  if (day === DAYS) {
    for (const tier of TIERS) await server.ask('/budget/new', { json: tier })
    for (const [user_id, alias, budget_id] of CUSTOMERS) {
      await server.ask('/customer/new', { json: { user_id, alias, budget_id } })
    }
  }
  await callsOfADay(server, day)
  await server.stop()
}

await using server = await startServer({ folder, config })
await callsOfADay(server, 0)
for (const [key_alias, customer_id] of [
  ['support-desk', 'acme'],
  ['search', 'globex'],
] as const) {
  await server.ask('/key/generate', {
    json: { key_alias, customer_id, max_budget: 5, budget_duration: '30d', models: ['gpt-5-mini'] },
  })
}
await using light = await openConsole({ server })
await light.signIn()
await shot(light, 'overview', '/ui', 'Top customers')
await shot(light, 'customers', '/ui/customers', 'Acme Corporation')
await shot(light, 'customer', '/ui/customers/acme', 'Acme Corporation')
await shot(light, 'budgets', '/ui/budgets', 'enterprise')
await shot(light, 'budget', '/ui/budgets/pro', 'Initech')
await shot(light, 'models', '/ui/models', 'gpt-5-mini')
await shot(light, 'playground', '/ui/playground?customer=acme', 'Playground', async (page) => {
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByText('Spend after it').waitFor()
})
await shot(light, 'keys', '/ui/keys', 'support-desk')
await shot(light, 'webhooks', '/ui/webhooks', 'crm')
await using dark = await openConsole({ server, dark: true })
await dark.signIn()
await shot(dark, 'overview-dark', '/ui?by=customer&range=7d', 'Top customers')
await using phone = await openConsole({ server, viewport: PHONE, dark: true })
await phone.signIn()
await shot(phone, 'customer-phone', '/ui/customers/acme', 'Acme Corporation')
const { json: portal } = await server.ask('/customer/portal', { json: { user_id: 'initech' } })
await shot(light, 'portal', portal.url, 'Acme AI')
await shot(phone, 'portal-phone', portal.url, 'Acme AI')
process.exit(0)

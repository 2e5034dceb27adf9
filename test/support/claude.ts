import { expect } from 'bun:test'
import { type Anthropic, startAnthropic } from './anthropic.ts'
import { type BookedRow, bookedOn } from './books.ts'
import { eventually } from './eventually.ts'
import { type Server, type ServerOptions, startServer } from './server.ts'

/** What `claude` costs here, in whole nano-dollars a token, so that sums can be done by hand. */
const NANOS = {
  input: 3_000,
  cachedInput: 300,
  cacheWrite: 3_750,
  cacheWriteHour: 6_000,
  output: 15_000,
  reasoning: 15_000,
}

/** What the ledger must say that these tokens cost, in nano-dollars. */
export const claudeNanos = (tokens: Partial<typeof NANOS>): number =>
  Object.entries(tokens).reduce(
    (sum, [kind, count]) => sum + count * NANOS[kind as keyof typeof NANOS],
    0,
  )

/** The real server in front of an Anthropic of ours, which it serves as `claude`. */
export type Claude = AsyncDisposable & {
  readonly upstream: Anthropic
  readonly server: Server
  /** What is booked on a customer's tab now. */
  rowsOf(user: string): BookedRow[]
  /** The only row of a customer, when it is there. */
  rowOn(user: string): Promise<BookedRow>
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into what it expects, and fails if not.
  customer(user: string): Promise<any>
  /** Opens a tab with so many dollars. */
  budget(user: string, dollars: number): Promise<unknown>
}

export async function startClaude(options: ServerOptions = {}): Promise<Claude> {
  const upstream = await startAnthropic()
  const server = await startServer({ config: configOf(upstream), ...options })
  const rowsOf = (user: string) => bookedOn(server.databasePath, user)
  return {
    upstream,
    server,
    rowsOf,
    rowOn: (user) =>
      eventually(() => {
        const rows = rowsOf(user)
        expect(rows).toHaveLength(1)
        return rows[0]!
      }),
    async customer(user) {
      const path = `/customer/info?end_user_id=${encodeURIComponent(user)}`
      return (await server.ask(path)).json
    },
    budget: (user, dollars) =>
      server.ask('/customer/new', { json: { user_id: user, max_budget: dollars } }),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

/** Prices are the published ones; `old` thinks for a number of tokens, `lenient` drops. */
const configOf = ({ url }: Anthropic): string => `
model_list:
  - model_name: claude
    litellm_params:
      model: anthropic/claude-sonnet-4-5
      api_base: ${url}
      api_key: sk-ant-upstream-secret
  - model_name: claude-5
    litellm_params: {model: anthropic/claude-sonnet-5, api_base: "${url}", api_key: k}
  - model_name: lenient
    litellm_params:
      {model: anthropic/claude-sonnet-4-5, api_base: "${url}", api_key: k, drop_params: true}
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o-mini, api_base: "${url}/v1", api_key: k}
`

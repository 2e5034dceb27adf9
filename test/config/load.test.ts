import { describe, expect, test } from 'bun:test'
import { loadConfig } from '../../src/config/load.ts'
import { DEFAULT_ROUTING } from '../../src/config/routing.ts'
import { load, loadNothing, withModel } from './loading.ts'

test('without a config the built-in demo model is served, on this machine only', () => {
  const { deployments, ...settings } = loadNothing()
  expect(settings).toEqual({
    host: '127.0.0.1',
    port: 4000,
    databasePath: './tollgate.db',
    durability: 'process',
    masterKey: null,
    userHeaderName: null,
    customerHeaders: [],
    budgetExceededStatus: 429,
    passThroughs: [],
    webhooks: [],
    exports: [],
    routing: DEFAULT_ROUTING,
    budgets: {
      mode: 'strict',
      reserveShare: 0.5,
      outputTokensMin: 16,
      outputTokensMaxDefault: 4096,
      allowUnpriced: false,
      thresholds: [0.85, 0.95],
      defaultBudgetId: null,
      defaultMaxBudget: null,
      timezone: 'UTC',
      weekStart: 1,
      dayOfMonth: 1,
      requireCustomer: false,
      knownCustomersOnly: false,
    },
    credit: { topUpUrl: null, lowAt: null },
    rateCard: null,
    portal: { name: 'Tollgate', accent: '#0b6e5b', origins: [], url: null },
    observing: {
      metricsByCustomer: false,
      tracing: null,
      tracesWithCustomer: false,
      logFormat: null,
      logLevel: 'info',
      logCalls: false,
    },
    shutdownTimeoutMs: 30_000,
    bodyBytesMax: 10_485_760,
    uploads: { bytesMax: 104_857_600, timeoutMs: 1_200_000, diskBytesMax: 2_147_483_648 },
    failedAuthLimit: 20,
    bodiesBytesMax: 1_073_741_824,
    bodyTimeoutMs: 120_000,
    clientIdleMs: 600_000,
    callsInFlightMax: 10_000,
    warnings: [],
  })
  expect(deployments).toHaveLength(1)
  expect(deployments[0]).toMatchObject({ modelName: 'demo', provider: 'demo', apiBase: null })
})

test('a config without a model_list serves the demo model, and says so', () => {
  const { deployments, warnings } = load('general_settings: {alerting: [webhook]}', {
    env: { WEBHOOK_URL: 'http://127.0.0.1:9' },
  })
  expect(deployments.map(({ modelName }) => modelName)).toEqual(['demo'])
  expect(warnings).toEqual([
    'config.yaml:1: there is no model_list, so the built-in demo model is served',
  ])
})

describe('flags beat the environment, which beats the file', () => {
  const file = withModel(
    'tollgate_settings: {host: file.host, port: 1, database: file.db}',
    'general_settings: {database_url: "sqlite:url.db", master_key: sk-file}',
  )
  const env = {
    HOST: 'env.host',
    PORT: '2',
    DATABASE_URL: 'sqlite:env.db',
    TOLLGATE_MASTER_KEY: 'sk-env',
  }
  const flags = { host: 'flag.host', port: '3', db: 'flag.db' }

  test.each([
    ['the file alone', {}, ['file.host', 1, 'file.db', 'sk-file']],
    ['and the environment', { env }, ['env.host', 2, 'env.db', 'sk-env']],
    ['and flags', { env, flags }, ['flag.host', 3, 'flag.db', 'sk-env']],
    [
      'what is set to nothing is not set',
      { env: { HOST: '', PORT: '' } },
      ['file.host', 1, 'file.db', 'sk-file'],
    ],
  ])('%s', (_, circumstances, expected) => {
    const { host, port, databasePath, masterKey } = load(file, circumstances)
    expect([host, port, databasePath, masterKey]).toEqual(expected)
  })

  test('a config that is named is read in place of ./config.yaml', () => {
    const paths: string[] = []
    const readFile = (path: string) => {
      paths.push(path)
      return file
    }
    loadConfig({ flags: { config: '/etc/tollgate.yaml' }, env: {}, readFile })
    expect(paths).toEqual(['/etc/tollgate.yaml'])
  })
})

test.each([
  ['sqlite:./books.db', './books.db'],
  ['sqlite:/var/books.db', '/var/books.db'],
  ['sqlite:///var/books.db', '/var/books.db'],
  ['sqlite://books.db', 'books.db'],
])('DATABASE_URL=%s is the file %s', (url, path) => {
  expect(loadNothing({ env: { DATABASE_URL: url } }).databasePath).toBe(path)
})

test("LiteLLM's master key counts when Tollgate's is not set", () => {
  expect(loadNothing({ env: { LITELLM_MASTER_KEY: 'sk-a' } }).masterKey).toBe('sk-a')
  const env = { LITELLM_MASTER_KEY: 'sk-a', TOLLGATE_MASTER_KEY: 'sk-b' }
  expect(loadNothing({ env }).masterKey).toBe('sk-b')
})

test('customer headers are in lower case and in order, and other roles are a warning', () => {
  const config = load(
    withModel(
      'general_settings:',
      '  user_header_name: X-User',
      '  user_header_mappings:',
      '  - {header_name: X-Internal, litellm_user_role: internal_user}',
      '  - {header_name: X-Customer, litellm_user_role: customer}',
      '  - {header_name: X-Other, litellm_user_role: Customer}',
    ),
  )
  expect(config.userHeaderName).toBe('x-user')
  expect(config.customerHeaders).toEqual(['x-customer', 'x-other'])
  expect(config.warnings).toEqual([
    'config.yaml:6: general_settings.user_header_mappings[0].litellm_user_role: internal_user is a role of LiteLLM that has no effect in Tollgate yet',
  ])
})

test('a mapping by itself is taken for a list of one', () => {
  const line =
    'general_settings: {user_header_mappings: {header_name: A, litellm_user_role: customer}}'
  expect(load(withModel(line)).customerHeaders).toEqual(['a'])
})

describe('environment_variables', () => {
  const added = (...lines: string[]) => withModel('environment_variables:', ...lines)

  test('stand in for the environment, wherever it is read', () => {
    const config = load(
      added('  PORT: 5', '  K: sk-1', 'general_settings: {master_key: os.environ/K}'),
    )
    expect([config.port, config.masterKey]).toEqual([5, 'sk-1'])
  })

  test('give way to a variable that is really set, and may refer to one', () => {
    const text = added('  HOST: os.environ/WHERE', '  PORT: 5')
    const config = load(text, { env: { PORT: '6', WHERE: 'there' } })
    expect([config.port, config.host]).toEqual([6, 'there'])
  })
})

describe("LiteLLM's keys that have no effect", () => {
  test('are warnings with their lines, and what they refer to need not be set', () => {
    const { warnings } = load(
      withModel(
        'router_settings:',
        '  debug_level: 3',
        '  redis_password: os.environ/REDIS_PASSWORD',
        'litellm_settings: {modify_params: true}',
        'mcp_servers: {}',
        'general_settings: {database_url: "postgresql://u:hunter2@h/d"}',
      ),
    )
    expect(warnings).toEqual([
      "config.yaml:4: router_settings.debug_level is LiteLLM's and has no effect in Tollgate yet",
      "config.yaml:5: router_settings.redis_password is LiteLLM's and has no effect in Tollgate yet",
      "config.yaml:6: litellm_settings.modify_params is LiteLLM's and has no effect in Tollgate yet",
      "config.yaml:7: mcp_servers is LiteLLM's and has no effect in Tollgate yet",
      'config.yaml:8: general_settings.database_url is not sqlite:PATH and has no effect: the books are kept in SQLite',
    ])
  })
})

test.each([
  ['tollgate_settings: {shutdown_timeout: 0}', { shutdownTimeoutMs: 0 }],
  ['tollgate_settings: {shutdown_timeout: 1.5}', { shutdownTimeoutMs: 1500 }],
  ['tollgate_settings: {max_body_mb: "2"}', { bodyBytesMax: 2_097_152 }],
  ['tollgate_settings: {failed_auth_limit: 0}', { failedAuthLimit: 0 }],
  ['tollgate_settings: {max_bodies_mb: 64}', { bodiesBytesMax: 67_108_864 }],
  ['tollgate_settings: {body_timeout: 0.5}', { bodyTimeoutMs: 500 }],
  ['tollgate_settings: {client_idle_timeout: 60}', { clientIdleMs: 60_000 }],
  ['tollgate_settings: {max_calls_in_flight: 7}', { callsInFlightMax: 7 }],
  ['tollgate_settings: {port: os.environ/P}', { port: 77 }],
  ['tollgate_settings: {host: "10.0.os.environ/P"}', { host: '10.0.77' }],
  ['general_settings: {budget_exceeded_status: 400}', { budgetExceededStatus: 400 }],
  ['litellm_settings: {timezone: America/New_York}', { budgets: { timezone: 'America/New_York' } }],
  ['general_settings:', {}],
])('%s', (line, expected) => {
  expect(load(withModel(line), { env: { P: '77' } })).toMatchObject(expected)
})

test('JSON is read as well', () => {
  const file = {
    model_list: [{ model_name: 'm', litellm_params: { model: 'demo' } }],
    tollgate_settings: { port: 5 },
  }
  expect(load(JSON.stringify(file, null, 2)).port).toBe(5)
})

test('aliases and merge keys mean what they mean in LiteLLM', () => {
  const { deployments } = load(
    [
      'model_list:',
      '- model_name: a',
      '  litellm_params: &base {model: openai/x, api_base: "http://a", api_key: k, timeout: 5}',
      '- {model_name: b, litellm_params: {<<: *base, timeout: 7}}',
      '- {model_name: c, litellm_params: *base}',
    ].join('\n'),
  )
  expect(deployments.map(({ apiBase, timeoutMs }) => [apiBase, timeoutMs])).toEqual([
    ['http://a', 5000],
    ['http://a', 7000],
    ['http://a', 5000],
  ])
})

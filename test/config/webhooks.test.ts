import { describe, expect, test } from 'bun:test'
import { load, problemsOf, withModel } from './loading.ts'

const SECRET = `whsec_${btoa('x'.repeat(24))}`
const OTHER = `whsec_${btoa('y'.repeat(64))}`
const ALERTING = 'general_settings: {alerting: [webhook]}'
const FILE_URL = 'tollgate_settings: {webhook_url: "https://file/x"}'
const env = { WEBHOOK_URL: 'https://env/x' }
const plain = { secrets: [], events: null }

const list = (...entries: string[]) => withModel('tollgate_settings:', '  webhooks:', ...entries)

describe('the receiver of LiteLLM’s settings', () => {
  test('has the WEBHOOK_URL of the environment, else that of the file, and gets all events', () => {
    const [fromEnvironment] = load(withModel(ALERTING, FILE_URL), { env }).webhooks
    expect(fromEnvironment).toEqual({ ...plain, name: 'default', url: 'https://env/x' })
    const [fromFile] = load(withModel(ALERTING, FILE_URL)).webhooks
    expect(fromFile).toEqual({ ...plain, name: 'default', url: 'https://file/x' })
  })

  test('is signed with WEBHOOK_SECRET, or with two that have a space between them', () => {
    const secretsOf = (secrets: string) =>
      load(withModel(ALERTING), { env: { ...env, WEBHOOK_SECRET: secrets } }).webhooks[0]?.secrets
    expect(secretsOf(SECRET)).toEqual([SECRET])
    expect(secretsOf(`${OTHER} ${SECRET}`)).toEqual([OTHER, SECRET])
  })

  test('is not there unless alerting asks for it', () => {
    expect(load(withModel(FILE_URL), { env }).webhooks).toEqual([])
    const slack = load(withModel('general_settings: {alerting: [slack]}'), { env })
    expect(slack.webhooks).toEqual([])
    expect(slack.warnings).toEqual([
      'config.yaml:3: general_settings.alerting[0]: slack has no effect in Tollgate yet; webhook has',
    ])
  })

  test('without an address is a warning, unless others are listed', () => {
    expect(load(withModel(ALERTING)).warnings).toEqual([
      'config.yaml:3: general_settings.alerting asks for webhooks and no address is set; set WEBHOOK_URL in the environment, or tollgate_settings.webhook_url',
    ])
    const { webhooks, warnings } = load(
      withModel(ALERTING, 'tollgate_settings: {webhooks: [{name: a, url: "http://a"}]}'),
    )
    expect(webhooks.map(({ name }) => name)).toEqual(['a'])
    expect(warnings).toEqual([])
  })
})

test('those of the list need no alerting, and stand beside the default one', () => {
  const entries = [
    `  - {name: crm, url: "https://crm/x", secret: ${SECRET}, events: [budget_crossed]}`,
    `  - {name: books, url: "http://books", secrets: [${OTHER}, ${SECRET}]}`,
  ]
  const listed = [
    { name: 'crm', url: 'https://crm/x', secrets: [SECRET], events: ['budget_crossed'] },
    { name: 'books', url: 'http://books', secrets: [OTHER, SECRET], events: null },
  ]
  expect(load(list(...entries)).webhooks).toEqual(listed as never)
  const { webhooks } = load(`${list(...entries)}\n${ALERTING}`, { env })
  expect(webhooks.map(({ name }) => name)).toEqual(['default', 'crm', 'books'])
})

describe('a mistake is told with its line, its value and what would be right', () => {
  const url = 'url: "http://a"'
  const A_SECRET =
    'whsec_ and 24 to 64 bytes in base64 after it; `openssl rand -base64 32` makes such bytes, got something else (not shown)'
  const NO_ADDRESS =
    'must be an address that begins with http:// or https://, without a password, got something else (not shown)'

  test.each<[string, string[], string]>([
    [
      'no name',
      [`  - {${url}}`],
      '.name is missing; it is what the receiver is called, such as crm',
    ],
    ['no address', ['  - {name: a}'], '.url is missing; it is where events are POSTed'],
    ['an address that is none', ['  - {name: a, url: "ftp://a"}'], `.url ${NO_ADDRESS}`],
    ['a password in it', ['  - {name: a, url: "https://u:p@a"}'], `.url ${NO_ADDRESS}`],
    [
      'a name with signs',
      [`  - {name: "a/b", ${url}}`],
      '.name must be a name of up to 64 letters, digits, dots, hyphens and underscores, got "a/b"',
    ],
    [
      'a short secret',
      [`  - {name: a, ${url}, secret: whsec_eA==}`],
      `.secret must be ${A_SECRET}`,
    ],
    [
      'a bare one',
      [`  - {name: a, ${url}, secret: ${'x'.repeat(40)}}`],
      `.secret must be ${A_SECRET}`,
    ],
    [
      'both kinds',
      [`  - {name: a, ${url}, secret: ${SECRET}, secrets: [${OTHER}]}`],
      '.secret stands beside secrets; put it into that list, or remove one of them',
    ],
    [
      'three',
      [`  - {name: a, ${url}, secrets: [${SECRET}, ${OTHER}, ${SECRET}]}`],
      '.secrets has 3; keep the new one and at most one that is to go',
    ],
    [
      'an event nearly right',
      [`  - {name: a, ${url}, events: [budget_crosed]}`],
      '.events[0] must be an event, such as budget_crossed, got "budget_crosed"',
    ],
    [
      'an event of nobody',
      [`  - {name: a, ${url}, events: [moon]}`],
      '.events[0] must be one of spend_tracked, soft_budget_crossed, threshold_crossed, budget_crossed, projected_limit_exceeded, margin_negative, credit_granted, credit_low, credit_exhausted, got "moon"',
    ],
    [
      'no event',
      [`  - {name: a, ${url}, events: []}`],
      '.events must be a list of events, of spend_tracked, soft_budget_crossed, threshold_crossed, budget_crossed, projected_limit_exceeded, margin_negative, credit_granted, credit_low, credit_exhausted; leave it out for all, got a list',
    ],
    [
      'a misspelt key',
      [`  - {name: a, ${url}, secrt: x}`],
      '.secrt is not a setting of Tollgate or LiteLLM; did you mean secret?',
    ],
  ])('%s', (_, entries, sentence) => {
    const expected = `config.yaml:5: tollgate_settings.webhooks[0]${sentence}`
    expect(problemsOf(() => load(list(...entries)))).toEqual([expected])
  })

  test('a name that is there twice', () => {
    const twice = list('  - {name: a, url: "http://a"}', '  - {name: a, url: "http://b"}')
    expect(problemsOf(() => load(twice))).toEqual([
      'config.yaml:6: tollgate_settings.webhooks[1].name is "a", that of another receiver too; give each a name of its own',
    ])
    const asDefault = `${list('  - {name: default, url: "http://a"}')}\n${ALERTING}`
    expect(problemsOf(() => load(asDefault, { env }))).toEqual([
      'config.yaml:5: tollgate_settings.webhooks[0].name is "default", that of WEBHOOK_URL too; give each a name of its own',
    ])
    expect(load(list('  - {name: default, url: "http://a"}')).webhooks).toHaveLength(1)
  })

  test('a secret of the environment', () => {
    const spoilt = { ...env, WEBHOOK_SECRET: 'hunter2' }
    expect(problemsOf(() => load(withModel(ALERTING), { env: spoilt }))).toEqual([
      'WEBHOOK_SECRET in the environment must be whsec_ and 24 to 64 bytes in base64 after it; `openssl rand -base64 32` makes such bytes; or two such with a space between them, got something else (not shown)',
    ])
  })
})

import { expect, test } from 'bun:test'
import { secretsOf } from '../../src/config/secrets.ts'
import { load, problemsOf, withModel } from './loading.ts'

const list = (...entries: string[]) => withModel('tollgate_settings:', '  exports:', ...entries)
const env = { STRIPE_API_KEY: 'sk_live_1234567' }
const METER = '{event_name: spend, value: charge_cents}'
const STRIPE = `name: s, type: stripe, api_key: os.environ/STRIPE_API_KEY`

test('each type has what it needs, and defaults for the rest', () => {
  const config = load(
    list(
      `  - {${STRIPE}, meters: [${METER}, {event_name: t, value: cached_input, model: gpt-4o}]}`,
      '  - {name: om, type: cloudevents, url: "https://om.example.com/api/v1/events"}',
      '  - {name: lago, type: cloudevents, format: lago, api_key: lago-secret, since: 2026-11-01}',
      '  - {name: books, type: csv, directory: ./exports, since: "2026-11-01T06:00:00Z"}',
    ),
    { env },
  )
  expect(config.exports).toEqual([
    {
      name: 's',
      since: null,
      type: 'stripe',
      apiKey: 'sk_live_1234567',
      apiBase: 'https://api.stripe.com',
      meters: [
        { eventName: 'spend', value: 'charge_cents', model: null },
        { eventName: 't', value: 'cached_input', model: 'gpt-4o' },
      ],
      customer: { metadata: 'stripe_customer_id' },
      perSecond: 500,
    },
    {
      ...{ name: 'om', since: null, type: 'cloudevents', format: 'openmeter', apiKey: null },
      ...{ url: 'https://om.example.com/api/v1/events', eventType: 'llm_call' },
      ...{ source: 'tollgate', customer: 'user_id', batchMax: 100 },
    },
    {
      ...{ name: 'lago', since: Date.UTC(2026, 10, 1), type: 'cloudevents', format: 'lago' },
      ...{ apiKey: 'lago-secret', url: 'https://api.getlago.com/api/v1/events/batch' },
      ...{ eventType: 'llm_call', source: 'tollgate' },
      ...{ customer: { metadata: 'lago_subscription_id' }, batchMax: 100 },
    },
    { name: 'books', since: Date.UTC(2026, 10, 1, 6), type: 'csv', directory: './exports' },
  ])
  expect(secretsOf(config)).toEqual(['sk_live_1234567', 'lago-secret'])
})

test('a base address may end in a slash, and ids may stand elsewhere', () => {
  const more = 'api_base: "http://127.0.0.1:1/", customer: metadata.billing.id'
  const [stripe] = load(list(`  - {${STRIPE}, ${more}, meters: [${METER}]}`), { env }).exports
  expect(stripe).toMatchObject({
    apiBase: 'http://127.0.0.1:1',
    customer: { metadata: 'billing.id' },
  })
})

const at = 'config.yaml:5: tollgate_settings.exports[0]'

test.each<[string, string]>([
  ['{type: csv, directory: d}', `${at}.name is missing; it is what the export is called`],
  ['{name: "a b", type: csv, directory: d}', `${at}.name must be a name of up to 64 letters`],
  ['{name: a}', `${at}.type is missing; it is one of stripe, cloudevents, csv`],
  ['{name: a, type: cvs}', `${at}.type must be one of stripe, cloudevents, csv, got "cvs"`],
  ['{name: a, type: csv}', `${at}.directory is missing; it is the folder of the files`],
  ['{name: a, type: csv, directory: d, meters: []}', `${at}.meters is not a setting`],
  ['{name: a, type: csv, directory: d, since: soon}', `${at}.since must be a day or a time`],
  ['{name: a, type: cloudevents}', `${at}.url is missing; it is where events are POSTed`],
  ['{name: a, type: cloudevents, url: nowhere}', `${at}.url must be an address that begins with`],
  [
    '{name: a, type: cloudevents, format: lago, batch_size: 101}',
    `${at}.batch_size must be a whole number from 1 to 100, got 101`,
  ],
  [
    '{name: a, type: cloudevents, format: lago, customer: id}',
    `${at}.customer must be user_id, or metadata. and a key`,
  ],
  [`{name: a, type: stripe, meters: [${METER}]}`, `${at}.api_key is missing; it is a secret key`],
  [`{${STRIPE}}`, `${at}.meters is missing; it is a list of maps, each with an event_name`],
  [`{${STRIPE}, meters: []}`, `${at}.meters must be a list of maps`],
  [`{${STRIPE}, meters: [{value: tokens}]}`, `${at}.meters[0].event_name is missing`],
  [`{${STRIPE}, meters: [{event_name: e}]}`, `${at}.meters[0].value is missing; it is one of`],
  [
    `{${STRIPE}, meters: [{event_name: e, value: dollars}]}`,
    `${at}.meters[0].value must be one of charge_nanos, charge_microdollars, charge_cents, calls`,
  ],
  [`{${STRIPE}, meters: [${METER}, ${METER}]}`, `${at}.meters[1] is there twice`],
  [`{${STRIPE}, meters: [${METER}], requests_per_second: 0}`, `${at}.requests_per_second must be`],
])('%s is named with its line', (entry, problem) => {
  const problems = problemsOf(() => load(list(`  - ${entry}`), { env }))
  expect(problems.join('\n')).toContain(problem)
})

test('two of one name are a mistake', () => {
  const entry = '  - {name: a, type: csv, directory: d}'
  expect(problemsOf(() => load(list(entry, entry)))).toEqual([
    'config.yaml:6: tollgate_settings.exports[1].name is "a", that of another export too; give each a name of its own',
  ])
})

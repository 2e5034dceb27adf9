import { expect, test } from 'bun:test'
import { secretsOf } from '../../src/config/secrets.ts'
import { load, withModel, withParams } from './loading.ts'

const SIGNING_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

test('keys and the values of headers are secrets, and words are not', () => {
  const config = load(
    withParams(
      'model: openai/gpt-4o',
      'api_key: upstream-key',
      'organization: org-acme',
      'extra_headers: {x-team: search, x-account: account-77}',
    ),
    { env: { TOLLGATE_MASTER_KEY: 'sk-1234' } },
  )
  expect(secretsOf(config).sort()).toEqual(['account-77', 'org-acme', 'sk-1234', 'upstream-key'])
})

test('the address of a webhook is one, and so are its query, the tokens in its path and what signs it', () => {
  const config = load(withModel('general_settings: {alerting: [webhook]}'), {
    env: {
      WEBHOOK_URL: 'https://example.com/webhooks/T0123456789abcdef?token=letmein',
      WEBHOOK_SECRET: SIGNING_SECRET,
    },
  })
  const secrets = secretsOf(config)
  const { url } = config.webhooks[0]!
  for (const part of ['T0123456789abcdef', 'letmein', url, SIGNING_SECRET]) {
    expect(secrets).toContain(part)
  }
  expect(secrets).not.toContain('webhooks')
})

test('a config without any has none', () => {
  expect(secretsOf(load(withModel()))).toEqual([])
})

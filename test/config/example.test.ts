import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SECTIONS } from '../../src/config/sections.ts'
import { load } from './loading.ts'

const CRM_WEBHOOK_SECRET = `whsec_${btoa('x'.repeat(32))}`
const text = readFileSync(join(import.meta.dir, '..', '..', 'config.example.yaml'), 'utf8')

test('config.example.yaml loads as it stands, without a warning', () => {
  const { deployments, warnings } = load(text, {
    env: { OPENAI_API_KEY: 'sk-test', ANTHROPIC_API_KEY: 'sk-ant-test' },
  })
  expect(warnings).toEqual([])
  expect(deployments.map(({ modelName }) => modelName)).toEqual([
    'demo',
    'gpt-4o-mini',
    'claude',
    'gpt-4o-azure',
    'gpt-oss',
    'gemini-vertex',
    'llama',
    'my-model',
    'mock',
  ])
})

test('config.example.yaml explains every setting that has an effect', () => {
  const used = Object.values(SECTIONS).flatMap((section) => [...section.used])
  const unexplained = used.filter(
    (key) => !/_above_\d|_(flex|priority|batches)$/.test(key) && !text.includes(key),
  )
  expect(unexplained).toEqual([])
})

test('what config.example.yaml has as a comment loads too', () => {
  const uncommented = text.replaceAll(/^( *)# (?=( {2,6}- | {2,8})?\w+: ?(\S+|)$)/gm, '$1')
  const env = {
    OPENAI_API_KEY: 'sk-test',
    ANTHROPIC_API_KEY: 'sk-ant-test',
    AZURE_AD_TOKEN: 'ey-test',
    COHERE_API_KEY: 'co-test',
    TOLLGATE_MASTER_KEY: 'sk-master',
    CRM_WEBHOOK_SECRET,
    STRIPE_API_KEY: 'sk_test_1',
    OPENMETER_API_KEY: 'om-test',
  }
  const config = load(uncommented, { env })
  // Of the two defaults for customers without a budget only one can count, and it says so.
  expect(config.warnings).toHaveLength(2)
  expect(config.warnings.join('\n')).toContain('has no effect beside max_end_user_budget_id')
  expect(config.warnings.join('\n')).toContain('goes to api.cohere.com unmetered')
  expect(config.passThroughs.map(({ path }) => path)).toEqual(['/v1/rerank'])
  expect(config.budgets.defaultBudgetId).toBe('free')
  expect(config.masterKey).toBe('sk-master')
  expect(config.webhooks.map(({ name, url }) => [name, url])).toEqual([
    ['default', 'https://example.com/hooks/tollgate'],
    ['crm', 'https://example.com/hooks/crm'],
  ])
  expect(config.exports.map(({ name }) => name)).toEqual(['stripe', 'openmeter', 'books'])
  expect(config.userHeaderName).toBe('x-user')
})

import { describe, expect, test } from 'bun:test'
import { withoutAccount } from '../../src/gateway/without-account.ts'

const target = {
  apiBase: null,
  apiKey: 'top/secret+key=1',
  extraHeaders: { 'x-account': 'acct 77 of Acme', 'x-team': 'search' },
}
const cleaned = (text: string) => withoutAccount(text, target)

test.each([
  ['the key of the deployment', 'Key top/secret+key=1 is wrong', 'Key … is wrong'],
  ['the same in an address', 'GET /?key=top%2Fsecret%2Bkey%3D1 failed', 'GET /?key=… failed'],
  ['what its headers say', 'acct 77 of Acme is suspended', '… is suspended'],
  ['a key of OpenAI', 'Incorrect API key: sk-proj-aB_3-xyz.', 'Incorrect API key: ….'],
  ['a masked one', 'Incorrect API key: sk-proj-****wxyz.', 'Incorrect API key: ….'],
  ['a masked one of anybody', 'Bad key 8f3a*********9c', 'Bad key …'],
  [
    'an organisation',
    'Rate limit for gpt-4o in organization org-aBc123 on TPM',
    'Rate limit for gpt-4o in organization … on TPM',
  ],
  ['a project', 'Project `proj_aBc123` has no access', 'Project `…` has no access'],
  [
    'an organisation of Anthropic',
    'the rate limit of 30,000 tokens (org: 80162711-722b-4454-ae75-c6334e6796f2, model: claude)',
    'the rate limit of 30,000 tokens (org: …, model: claude)',
  ],
  ['a workspace of Anthropic', 'in wrkspc_011CZkZaBF1tNoB5wlCeusgy', 'in …'],
  ['a key of Anthropic', 'invalid x-api-key sk-ant-api03-aB_c-d', 'invalid x-api-key …'],
  ['a key of Google', 'API key AIzaSyD-9x_abc not valid', 'API key … not valid'],
  ['a project of Google', 'on projects/my-project:1234/locations', 'on …/locations'],
  ['a resource of Amazon', 'denied on arn:aws:iam::123456789012:user/ops', 'denied on …'],
  [
    'a resource of Azure',
    'no deployment at https://acme-eu.openai.azure.com/openai',
    'no deployment at https://…/openai',
  ],
  ['a bearer token', 'got "Authorization: Bearer abc.def"', 'got "Authorization: …'],
])('%s is left out', (_, text, without) => {
  expect(cleaned(text)).toBe(without)
})

describe('what names nobody stays', () => {
  test.each([
    'This model does not support image input; use gpt-4o.',
    'max_tokens is too large: 200000. This model supports at most 16384.',
    'Invalid type for `user`: expected a string, in search of user_message.',
    'Please **retry** in 2s * 3',
    '',
  ])('%p', (text) => expect(cleaned(text)).toBe(text))
})

test('a long text made to be slow is not', () => {
  const startedAt = performance.now()
  for (const part of ['a', '-', 'a-', '*', 'sk-', 'projects/', 'bearer ']) {
    cleaned(part.repeat(64_000))
  }
  expect(performance.now() - startedAt).toBeLessThan(1_000)
})

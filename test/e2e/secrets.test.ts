import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../support/eventually.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import type { Script } from '../support/script.ts'
import { type Ask, type Server, startServer, type Told } from '../support/server.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

/**
 * What must not leave the process, each easy to find again. The server is driven through all that
 * can go right and wrong; then everything that came out of it is searched: answers with their
 * headers, logs, webhooks, and every file that it wrote.
 */
const SECRETS = {
  masterKey: 'sk-master-and-SECRET-0001',
  upstreamKey: 'upstream/KEY+secret=0002',
  header: 'header "secret" 0003',
  organization: 'org-SecretAcme0004',
  webhookToken: 'hook-token-0005',
  environment: 'environment-0006',
  project: 'proj_SecretAcme0007',
  cookie: 'session-cookie-0008',
  masked: 'sk-proj-********0009',
  clientCookie: 'client-cookie-0010',
  webhookSecret: 'whsec_YSBzZWNyZXQgdGhhdCBzaWducyBldmVudHMgMDAxMw==',
} as const

/** What a customer says, and is told: nobody's business but its own. */
const PROMPT = 'a very private question 0011'
const ANSWER = 'a very private answer 0012'

/** How an upstream may say who it takes us for. */
const { upstreamKey, header, organization, project, cookie, masked } = SECRETS
const ECHO =
  `key ${upstreamKey} (${encodeURIComponent(upstreamKey)}), bearer ${upstreamKey}, ${masked} of ` +
  `${organization} in \`${project}\`, header ${header}, asked: ${PROMPT}`

const json = JSON.stringify
const BODIES: Readonly<Record<string, string>> = {
  'as OpenAI': json({ error: { message: ECHO, type: ECHO, param: ECHO, code: ECHO } }),
  'as text in error': json({ error: ECHO }),
  'as Google, in a list': json([{ error: { code: 400, message: ECHO, status: ECHO } }]),
  'as FastAPI': json({ detail: ECHO, organization, key: upstreamKey }),
  'as Anthropic': json({ type: 'error', error: { type: ECHO, message: ECHO }, account: project }),
  'as an object in message': json({ error: { message: { text: ECHO }, type: 7 } }),
  'as HTML': `<html><title>${ECHO}</title><p>${ECHO.replaceAll('"', '&quot;')}</html>`,
  'as plain text': ECHO,
  'as broken JSON': `{"error":{"message":${json(ECHO)}`,
}

/** Headers of an upstream that are between it and us. */
const UPSTREAM_HEADERS = {
  'openai-organization': organization,
  'openai-project': project,
  'set-cookie': `session=${cookie}`,
  'x-ratelimit-remaining-tokens': cookie,
  'x-account': header,
  'proxy-authenticate': `Basic realm="${cookie}"`,
  'www-authenticate': `Bearer realm="${organization}"`,
  location: `http://127.0.0.1:1/?key=${upstreamKey}`,
  link: `<http://127.0.0.1:1/${cookie}>; rel="next"`,
  'keep-alive': 'timeout=7',
  server: cookie,
}

const said = (script: Script): Script => ({ headers: UPSTREAM_HEADERS, ...script })
const CHUNK = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' }
const words = `data: ${json({ ...CHUNK, choices: [{ index: 0, delta: { content: ANSWER } }] })}\n\n`

/** A row is how the upstream answers, and whether it is asked for a stream. */
const UPSTREAMS: [string, Script, { stream: boolean }][] = [
  ['answers', said({ text: ANSWER }), { stream: false }],
  ['streams', said({ text: ANSWER }), { stream: true }],
  ...[302, 400, 401, 403, 404, 429, 500, 503].flatMap((status) =>
    Object.entries(BODIES).map(([how, body]): [string, Script, { stream: boolean }] => [
      `answers ${status} ${how}`,
      said({ status, body }),
      { stream: status === 429 },
    ]),
  ),
  ...Object.entries(BODIES).flatMap(([how, body]): [string, Script, { stream: boolean }][] => [
    [`answers 200 with an error ${how}`, said({ body }), { stream: false }],
    ...['', words].map((before): [string, Script, { stream: boolean }] => [
      `streams an error ${how} after ${before === '' ? 'nothing' : 'some words'}`,
      said({ body: `${before}event: error\ndata: ${body}\n\n`, writes: { bytes: 97 } }),
      { stream: true },
    ]),
  ]),
  [
    'streams an error in a chunk with choices',
    said({ body: `data: ${json({ ...CHUNK, choices: [], user_id: project, error: ECHO })}\n\n` }),
    { stream: true },
  ],
  ['dies in an answer', said({ text: ANSWER, dies: { after: { bytes: 40 } } }), { stream: false }],
  ['dies in a stream', said({ text: ANSWER, dies: { after: { events: 3 } } }), { stream: true }],
  [
    'dies in an error of a stream',
    said({ body: `data: ${BODIES['as OpenAI']}\n\n`, dies: { after: { bytes: 200 } } }),
    { stream: true },
  ],
  ['says nothing', { isSilent: true }, { stream: false }],
]

const configOf = (upstream: Upstream) => `
model_list:
  - model_name: known
    litellm_params: &asked
      model: openai/gpt-4o
      api_base: ${upstream.url}
      api_key: os.environ/UPSTREAM_KEY
      organization: os.environ/ORGANIZATION
      extra_headers: {x-internal: os.environ/HEADER}
      timeout: 1
    model_info: {id: deployment-1, mode: chat}
  - model_name: away
    litellm_params: {<<: *asked, api_base: 'http://127.0.0.1:1/v1'}
  - model_name: demo
    litellm_params: {model: demo/demo}
general_settings:
  alerting: [webhook]
`

/** Everything that anybody was told, as text. */
class Heard {
  readonly #texts: [from: string, text: string][] = []

  add(from: string, ...texts: string[]) {
    for (const text of texts) this.#texts.push([from, text])
  }

  addAnswer(from: string, { status, headers, text }: Told) {
    this.add(from, `${status}`, json([...headers]), text)
  }

  /** Who was told it, in any of the ways in which it can be written. */
  whoHeard(secret: string): string[] {
    const spellings = [
      secret,
      json(secret).slice(1, -1),
      encodeURIComponent(secret),
      secret.replaceAll('"', '&quot;'),
      Buffer.from(secret).toString('base64').replace(/=+$/, ''),
    ]
    const tellsIt = ([, text]: [string, string]) => spellings.some((way) => text.includes(way))
    return this.#texts.filter(tellsIt).map(([from, text]) => `${from}: ${text.slice(0, 500)}`)
  }
}

/** All kinds of calls and requests, at a server that has every secret. */
async function drive(server: Server, upstream: Upstream, receiver: Receiver) {
  const heard = new Heard()
  const call = async (name: string, more: object, init: Ask = {}) => {
    const body = { model: 'known', user: 'alice', messages: [{ role: 'user', content: PROMPT }] }
    const headers = {
      cookie: `a=${SECRETS.clientCookie}`,
      'proxy-authorization': `Basic ${SECRETS.clientCookie}`,
      te: 'trailers',
      'openai-organization': SECRETS.clientCookie,
      'x-api-key': SECRETS.clientCookie,
      ...init.headers,
    }
    const told = await server.ask('/v1/chat/completions', {
      json: { ...body, ...more },
      ...init,
      headers,
    })
    // What the customer was answered is its own, and nobody else's.
    heard.addAnswer(name, { ...told, text: told.text.replaceAll(ANSWER, '') })
  }
  for (const [name, script, { stream }] of UPSTREAMS) {
    upstream.next(script)
    await call(`client, of an upstream that ${name}`, { stream })
  }
  await call('client, of one that is away', { model: 'away' })
  await call('client, of an unknown model', { model: 'knwon' })
  await call('client with a wrong key', {}, { headers: { authorization: 'Bearer sk-wrong' } })
  await call('client with half a key', {}, { headers: { authorization: 'Bearer sk-master' } })
  await server.ask('/customer/new', { json: { user_id: 'poor', max_budget: 0 } })
  await call('client over its budget', { user: 'poor' })
  const { json: made } = await server.ask('/key/generate', { json: { key_alias: 'spied on' } })
  const virtualKey: string = made.key
  const withKey = { headers: { authorization: `Bearer ${virtualKey}` } }
  await call('client with a virtual key', { model: 'demo' }, withKey)
  await server.ask('/customer/block', { json: { user_ids: ['blocked'] } })
  await call('client that is blocked', { user: 'blocked' })
  await call('client with bad parameters', { user: [PROMPT], stream: 'yes' })

  const { json: document } = await server.ask('/docs/json')
  const paths = Object.keys(document.paths).map((path) => path.replace(/\{\w+\}/g, 'demo'))
  for (const path of ['/docs', '/docs/json', '/nope', ...paths]) {
    if (path === '/spend/live') heard.add(path, await firstEvent(server))
    else heard.addAnswer(path, await server.ask(`${path}?end_user_id=alice`))
    heard.addAnswer(path, await server.ask(path, { json: { user_id: 'alice', user_ids: [] } }))
  }

  receiver.fail(1)
  await call('client, of a webhook that fails', { model: 'demo' })
  await receiver.refuse()
  await call('client, of a webhook that is away', { model: 'demo' })
  await eventually(() => expect(server.output()).toContain('does not take events'))
  await receiver.resume()
  await eventually(() => expect(server.output()).toContain('takes events again'))
  for (const { headers, body } of receiver.requests) {
    heard.add('webhook', json([...headers]), new TextDecoder().decode(body))
  }
  return { heard, virtualKey }
}

/** What a stream that does not end begins with. */
async function firstEvent(server: Server): Promise<string> {
  const reader = (await server.fetch('/spend/live')).body!.getReader()
  const { value } = await reader.read()
  await reader.cancel()
  return new TextDecoder().decode(value)
}

describe('a server that has secrets, whatever happens to it', () => {
  test('tells none of them to anybody, and says nowhere what a customer said', async () => {
    await using upstream = await startUpstream({ isStrict: false })
    await using receiver = await startReceiver()
    await using server = await startServer({
      config: configOf(upstream),
      env: {
        TOLLGATE_MASTER_KEY: SECRETS.masterKey,
        UPSTREAM_KEY: SECRETS.upstreamKey,
        ORGANIZATION: SECRETS.organization,
        HEADER: SECRETS.header,
        WEBHOOK_URL: `${receiver.url}?token=${SECRETS.webhookToken}`,
        WEBHOOK_SECRET: SECRETS.webhookSecret,
        OTHER: SECRETS.environment,
      },
    })
    const { heard, virtualKey } = await drive(server, upstream, receiver)
    for (const name of readdirSync(server.folder)) {
      if (!name.startsWith('tollgate.db')) continue
      const { mode } = statSync(join(server.folder, name))
      // What customers are answered may be in it: for its owner alone.
      if (!name.includes('.lock')) expect([name, mode & 0o077]).toEqual([name, 0])
    }
    await server.stop()
    heard.add('log', server.output())
    const files = readdirSync(server.folder).filter((name) => name !== 'config.yaml')
    expect(files).toContain('tollgate.db')
    for (const name of files) heard.add(name, readFileSync(join(server.folder, name), 'latin1'))

    for (const [name, secret] of Object.entries({ ...SECRETS, virtualKey })) {
      expect([name, heard.whoHeard(secret)]).toEqual([name, []])
    }
    const own = (from: string) => !from.startsWith('client')
    expect(heard.whoHeard(PROMPT).filter(own)).toEqual([])
    expect(heard.whoHeard(ANSWER)).toEqual([])

    // All that was for nothing if the secrets were never used.
    const [call] = upstream.calls
    expect(call?.headers.get('authorization')).toBe(`Bearer ${SECRETS.upstreamKey}`)
    expect(call?.headers.get('openai-organization')).toBe(SECRETS.organization)
    expect(call?.headers.get('x-internal')).toBe(SECRETS.header)
    expect(receiver.requests[0]?.path).toContain(SECRETS.webhookToken)
    // And the upstream learns nothing of the client but what it asks.
    for (const { headers } of upstream.calls) {
      const sent = json([...headers])
      expect(sent).not.toContain(SECRETS.masterKey)
      expect(sent).not.toContain(SECRETS.clientCookie)
      for (const name of ['te', 'cookie', 'proxy-authorization', 'x-api-key']) {
        expect([name, headers.get(name)]).toEqual([name, null])
      }
    }
  }, 60_000)
})

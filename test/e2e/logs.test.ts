import { describe, expect, test } from 'bun:test'
import { BUN_SETTINGS } from '../../src/runtime/runtime.ts'
import { bookedOn } from '../support/books.ts'
import { PROGRAMS, run, SOURCE } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../support/gateway.ts'

const LOGGED = { settings: 'tollgate_settings: {log_calls: true}\n' }
const gatewayWith = (options: GatewayOptions = {}) => startGateway({ ...LOGGED, ...options })

/** What the server logged, but for its warning of the model without a price. */
const linesOf = ({ server }: Gateway): string[] =>
  server
    .output()
    .split('\n')
    .filter((line) => /^(\{|\d{4}-)/.test(line) && !line.includes('has no price'))

/** The lines of so many calls, as JSON. */
const callsIn = (gateway: Gateway, count: number) =>
  eventually(() => {
    const lines = linesOf(gateway).map((line) => JSON.parse(line))
    const calls = lines.filter(({ message }) => message === 'call')
    expect(calls).toHaveLength(count)
    return calls
  })

describe.each(PROGRAMS)('%s', (_, command) => {
  test('each call is a line of JSON, if that is asked for', async () => {
    await using gateway = await gatewayWith({ command: command() })
    const messages = [{ role: 'user', content: 'a secret prompt' }]
    gateway.upstream.next({ text: 'a secret answer' })
    const { headers } = await gateway.chat({ messages })
    const [call] = await callsIn(gateway, 1)
    const [row] = bookedOn(gateway.server.databasePath, 'alice')
    expect(call).toMatchObject({
      level: 'info',
      call: headers.get('x-tollgate-call-id'),
      path: '/chat/completions',
      status: 200,
      model: 'gpt-4o-mini',
      deployment: 'gpt-4o-mini#1',
      customer: 'alice',
      stream: false,
      outcome: 'ok',
      usage_source: 'upstream',
      input_tokens: row!.input,
      output_tokens: row!.output,
      charge: row!.charge / 1e9,
    })
    expect(call.ttfb_ms).toBeGreaterThan(0)
    expect(call.ms).toBeGreaterThanOrEqual(call.ttfb_ms)
    expect(gateway.server.output()).not.toMatch(/secret (prompt|answer)/)
  })
})

test('a call that is refused says why, and not what was sent', async () => {
  await using gateway = await gatewayWith()
  await gateway.chat({ model: 'a secret model' })
  await gateway.chat({}, { headers: { authorization: 'Bearer sk-wrong' } })
  gateway.upstream.next({ status: 503 })
  await gateway.chat()
  const calls = await callsIn(gateway, 3)
  expect(calls).toMatchObject([
    { status: 404, refusal: 'model_not_found' },
    { status: 401, refusal: 'unauthorized' },
    { status: 503, refusal: 'upstream_failed', model: 'gpt-4o-mini', outcome: 'upstream_failed' },
  ])
  expect(gateway.server.output()).not.toMatch(/a secret model|sk-wrong/)
})

test('calls are no lines unless that is asked for', async () => {
  await using gateway = await startGateway()
  await gateway.chat()
  expect(await gateway.server.stop()).toBe(0)
  expect(linesOf(gateway).map((line) => JSON.parse(line).message)).toEqual([
    'stopping: no new calls are taken, those in flight may finish',
  ])
})

test.each([
  ['the flag', { args: ['--log-format', 'text'], env: { LOG_FORMAT: 'json' } }],
  ['the environment', { env: { LOG_FORMAT: 'text' } }],
  ['the config', { settings: 'tollgate_settings: {log_calls: true, log_format: text}\n' }],
])('%s makes it text', async (_, options) => {
  await using gateway = await gatewayWith(options)
  await gateway.chat({ user: 'alice status=500 "A"' })
  const [line] = await eventually(() => {
    const lines = linesOf(gateway)
    expect(lines).toHaveLength(1)
    return lines
  })
  expect(line).toMatch(/^[\d-]{10} [\d:]{8}Z INFO {2}call call=01\w+ path=\S+ status=200/)
  expect(line).toContain(' customer="alice status=500 \\"A\\"" ')
})

test('a level leaves out what is below it', async () => {
  await using gateway = await gatewayWith({ env: { LOG_LEVEL: 'warn' } })
  await gateway.chat()
  expect(await gateway.server.stop()).toBe(0)
  expect(linesOf(gateway)).toEqual([])
})

test('another format is a mistake that names the right ones', async () => {
  const wrong = [...SOURCE, 'check', '--log-format', 'xml']
  const { code, errors } = await run(wrong, { folder: '/tmp' })
  expect(code).toBe(1)
  expect(errors).toContain('--log-format must be json or text, got "xml"')
})

test.each(PROGRAMS)('in a terminal the log is text, in colours: %s', async (_, command) => {
  await using gateway = await gatewayWith()
  let seen = ''
  const terminal = new Bun.Terminal({
    data(_, bytes) {
      seen += bytes.toString()
    },
  })
  const { folder, databasePath } = gateway.server
  const flags = [
    '--config',
    `${folder}/config.yaml`,
    '--db',
    `${databasePath}.other`,
    '--port',
    '0',
  ]
  const { PATH, HOME } = process.env
  const env = { PATH, HOME, TOLLGATE_MASTER_KEY: 'sk-test', ...BUN_SETTINGS }
  const child = Bun.spawn([...command(), ...flags], { cwd: folder, env, terminal })
  try {
    await eventually(() => expect(seen).toContain('is listening on'), { deadlineMs: 20_000 })
    child.kill('SIGTERM')
    expect(await child.exited).toBe(0)
    expect(seen).toContain('Z \u001b[32mINFO \u001b[0m stopping: no new calls are taken')
  } finally {
    child.kill('SIGKILL')
    terminal.close()
  }
})

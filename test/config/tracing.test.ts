import { describe, expect, test } from 'bun:test'
import { secretsOf } from '../../src/config/secrets.ts'
import { loadNothing, problemsOf } from './loading.ts'

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
const tracing = (env: Record<string, string>) => loadNothing({ env }).observing.tracing
const problems = (env: Record<string, string>) => problemsOf(() => loadNothing({ env }))

test.each([
  [{}, null],
  [ENDPOINT, 'http://collector:4318/v1/traces'],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector/otlp/' }, 'http://collector/otlp/v1/traces'],
  [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://t/x' }, 'https://t/x'],
  [{ ...ENDPOINT, OTEL_SDK_DISABLED: 'true' }, null],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }, null],
])('%p: traces are sent to %p', (env, url) => {
  expect(tracing(env as Record<string, string>)?.url ?? null).toBe(url)
})

test('without more in the environment, the defaults are those of OpenTelemetry', () => {
  expect(tracing(ENDPOINT)).toMatchObject({
    sampler: 'parentbased_always_on',
    headers: {},
    delayMs: 5_000,
    queueMax: 2_048,
    timeoutMs: 10_000,
  })
})

test('headers may have any value, and are secrets', () => {
  const env = {
    ...ENDPOINT,
    OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20sk-collector-key, x-a = b%2C%3Dc ,',
  }
  expect(tracing(env)?.headers).toEqual({ authorization: 'Bearer sk-collector-key', 'x-a': 'b,=c' })
  const secrets = secretsOf(loadNothing({ env }))
  expect(secrets).toContain('Bearer sk-collector-key')
  expect(secrets).toContain('sk-collector-key')
})

describe('a mistake keeps the server from starting, and says what would be right', () => {
  test.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, 'http:// or https://'],
    [
      { ...ENDPOINT, OTEL_TRACES_SAMPLER: 'sometimes' },
      'parentbased_traceidratio, got "sometimes"',
    ],
    [
      { ...ENDPOINT, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '7' },
      'a number from 0 to 1, got "7"',
    ],
    [{ ...ENDPOINT, OTEL_BSP_SCHEDULE_DELAY: '1.5' }, 'a whole number from 1'],
    [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'x=%zz' }, 'name=value,name=value'],
    [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: '%zz-without-a-name' }, 'name=value,name=value'],
  ])('%p', (env, sentence) => {
    const [problem, ...more] = problems(env as unknown as Record<string, string>)
    expect(more).toEqual([])
    expect(problem).toContain(sentence)
    expect(problem).not.toContain('%zz')
  })
})

test('all mistakes are told at once', () => {
  const OTEL_EXPORTER_OTLP_ENDPOINT = 'localhost:4317'
  expect(problems({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER: 'x' })).toHaveLength(2)
})

test('grpc, which is not spoken here, is a warning', () => {
  const env = { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }
  expect(loadNothing({ env }).warnings[0]).toContain('traces are sent as http/json')
})

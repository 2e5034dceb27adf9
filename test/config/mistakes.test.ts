import { describe, expect, test } from 'bun:test'
import { loadConfig } from '../../src/config/load.ts'
import { load, loadNothing, problemsOf, withModel } from './loading.ts'

describe('a mistake is told with its line, its value and what would be right', () => {
  test.each<[string, string, string]>([
    [
      'an unknown section',
      withModel('general_setings: {}'),
      '3: general_setings is not a setting of Tollgate or LiteLLM; did you mean general_settings?',
    ],
    [
      'a misspelt key',
      withModel('general_settings:', '  alertng: [webhook]'),
      '4: general_settings.alertng is not a setting of Tollgate or LiteLLM; did you mean alerting?',
    ],
    [
      'a key in the wrong section',
      withModel('general_settings:', '  max_body_mb: 1'),
      '4: general_settings.max_body_mb is not a setting of Tollgate or LiteLLM; it belongs under tollgate_settings',
    ],
    [
      'a key like no other',
      withModel('router_settings:', '  qqqqqq: 1'),
      '4: router_settings.qqqqqq is not a setting of Tollgate or LiteLLM; remove it, or see config.example.yaml for what there is',
    ],
    [
      'a section that is a list',
      withModel('general_settings: []'),
      '3: general_settings must be a map of keys and values, got a list',
    ],
    [
      'a status that is no refusal',
      withModel('general_settings: {budget_exceeded_status: 200}'),
      '3: general_settings.budget_exceeded_status must be a whole number from 400 to 499, got 200',
    ],
    [
      'half a status',
      withModel('general_settings: {budget_exceeded_status: 429.5}'),
      '3: general_settings.budget_exceeded_status must be a whole number from 400 to 499, got 429.5',
    ],
    [
      'alerting that is no list',
      withModel('general_settings: {alerting: webhook}'),
      '3: general_settings.alerting must be a list, such as [webhook], got "webhook"',
    ],
    [
      'misspelt alerting',
      withModel('general_settings: {alerting: [webhok]}'),
      '3: general_settings.alerting[0] must be webhook, got "webhok"',
    ],
    [
      'a header name with a space',
      withModel('general_settings: {user_header_name: x user}'),
      '3: general_settings.user_header_name must be the name of a header, such as x-customer-id, got "x user"',
    ],
    [
      'a mapping without a role',
      withModel('general_settings: {user_header_mappings: [{header_name: x}]}'),
      '3: general_settings.user_header_mappings[0].litellm_user_role is missing; it is customer for a header that names the customer',
    ],
    [
      'a zone that is none',
      withModel('litellm_settings: {timezone: Europe/Berln}'),
      '3: litellm_settings.timezone must be an IANA time zone, such as Europe/Berlin, got "Europe/Berln"',
    ],
    [
      'an offset as a zone',
      withModel('litellm_settings: {timezone: "+02:00"}'),
      '3: litellm_settings.timezone must be an IANA time zone, such as Europe/Berlin, got "+02:00"',
    ],
    [
      'a port out of range',
      withModel('tollgate_settings: {port: 65536}'),
      '3: tollgate_settings.port must be a whole number from 0 to 65535, got 65536',
    ],
    [
      'a negative patience',
      withModel('tollgate_settings: {shutdown_timeout: -1}'),
      '3: tollgate_settings.shutdown_timeout must be a number of seconds from 0 to 86400, got -1',
    ],
    [
      'a body of nothing',
      withModel('tollgate_settings: {max_body_mb: 0}'),
      '3: tollgate_settings.max_body_mb must be a number of megabytes from 0.001 to 1024, got 0',
    ],
    [
      'a limit of half an attempt',
      withModel('tollgate_settings: {failed_auth_limit: 0.5}'),
      '3: tollgate_settings.failed_auth_limit must be a whole number from 0 to 1000000, got 0.5',
    ],
    [
      'no call at all',
      withModel('tollgate_settings: {max_calls_in_flight: 0}'),
      '3: tollgate_settings.max_calls_in_flight must be a whole number from 1 to 1000000, got 0',
    ],
    [
      'less for all bodies than for one',
      withModel('tollgate_settings: {max_body_mb: 20, max_bodies_mb: 16}'),
      '3: tollgate_settings.max_bodies_mb must be a number of megabytes from 20 (max_body_mb) to 1048576, got 16',
    ],
    [
      'no time for a body',
      withModel('tollgate_settings: {body_timeout: 0}'),
      '3: tollgate_settings.body_timeout must be a number of seconds from 0.1 to 86400, got 0',
    ],
    [
      'a client for ever',
      withModel('tollgate_settings: {client_idle_timeout: never}'),
      '3: tollgate_settings.client_idle_timeout must be a number of seconds from 0.1 to 86400, got "never"',
    ],
    [
      'a webhook that is no address',
      withModel('tollgate_settings: {webhook_url: hooks}'),
      '3: tollgate_settings.webhook_url must be an address that begins with http:// or https://, without a password, got something else (not shown)',
    ],
    [
      'a variable of the file',
      withModel('environment_variables:', '  PORT: http'),
      '4: environment_variables.PORT must be a whole number from 0 to 65535, got "http"',
    ],
    [
      'a key twice',
      withModel('tollgate_settings:', '  port: 1', '  port: 2'),
      '5: port is there twice; keep one of the two',
    ],
    [
      'a tab',
      withModel('tollgate_settings:', '\tport: 1'),
      '4: a tab stands in the indentation; use spaces',
    ],
    [
      'a bracket that is left open',
      withModel('tollgate_settings: {port: 1'),
      '3: Flow map in block collection must be sufficiently indented and end with a }',
    ],
    [
      'a second document',
      withModel('---', 'model_list: []'),
      '3: a second document begins here; the config is one document, without ---',
    ],
    [
      'an alias of nothing',
      withModel('tollgate_settings: {host: *secret}'),
      '3: a * refers to no anchor; put text that begins with * in quotes',
    ],
    [
      'a list instead of a map',
      '- a',
      '1: the config must be a map of sections, beginning with model_list',
    ],
    ['an empty file', '', '1: the config must be a map of sections, beginning with model_list'],
  ])('%s', (_, text, problem) => {
    expect(problemsOf(() => load(text))).toEqual([`config.yaml:${problem}`])
  })

  test.each<[string, { env?: Record<string, string>; flags?: Record<string, string> }, string]>([
    [
      'a port that is a word',
      { flags: { port: 'http' } },
      '--port must be a whole number from 0 to 65535, got "http"',
    ],
    ['no port', { flags: { port: '' } }, '--port must be a whole number from 0 to 65535, got ""'],
    [
      'a port of the environment',
      { env: { PORT: '70000' } },
      'PORT in the environment must be a whole number from 0 to 65535, got "70000"',
    ],
    [
      'a host with a path',
      { flags: { host: 'a/b' } },
      '--host must be an address of this machine, such as 127.0.0.1, got "a/b"',
    ],
    ['no file of the books', { flags: { db: '' } }, '--db must be the path of a file, got ""'],
    [
      'another database',
      { env: { DATABASE_URL: 'postgres://u:p@h/d' } },
      'DATABASE_URL in the environment must be sqlite:PATH, such as sqlite:./tollgate.db (there is no other database yet), got something else (not shown)',
    ],
    [
      'a key with an end of line',
      { env: { TOLLGATE_MASTER_KEY: 'sk-1\n' } },
      'TOLLGATE_MASTER_KEY in the environment must be a key, which has no spaces and no ends of lines in it, got something else (not shown)',
    ],
    [
      'a config that is not there',
      { flags: { config: 'nope.yaml' } },
      '--config must be the path of a file that is there, got "nope.yaml"',
    ],
  ])('outside of the file: %s', (_, circumstances, problem) => {
    expect(problemsOf(() => loadNothing(circumstances))).toEqual([problem])
  })
})

test('all mistakes are told at once, in the order of the file, after those outside of it', () => {
  const text = [
    'litellm_settings: {timezone: Mars/Phobos}',
    'model_list:',
    '- model_name: m',
    '  litellm_params: {model: openai/*, api_key: os.environ/NOPE, timeout: soon}',
    'tollgate_settings: {port: -1}',
  ].join('\n')
  const problems = problemsOf(() => load(text, { flags: { host: 'a b' } }))
  expect(problems.map((problem) => problem.split(/ must| needs/)[0])).toEqual([
    '--host',
    'config.yaml:1: litellm_settings.timezone',
    'config.yaml:4: model_list[0].litellm_params.api_key',
    'config.yaml:4: model_list[0].litellm_params.model',
    'config.yaml:4: model_list[0].litellm_params.timeout',
    'config.yaml:5: tollgate_settings.port',
  ])
})

test('a file that cannot be read says why', () => {
  const readFile = () => {
    throw new Error('EACCES: permission denied')
  }
  expect(problemsOf(() => loadConfig({ flags: {}, env: {}, readFile }))).toEqual([
    './config.yaml cannot be read: EACCES: permission denied',
  ])
})

import fc from 'fast-check'
import type { Learnt } from './learnt.ts'
import { oddJson } from './odd-json.ts'
import type { DocumentedRoute, Parameter } from './openapi.ts'
import { valuesOf } from './schema-values.ts'

/** An HTTP request, well formed, whatever it asks. Text is one byte a character. */
export type WireRequest = {
  readonly route: DocumentedRoute
  /** The route's own method and path: what answers is that route. */
  readonly isToRoute: boolean
  readonly method: string
  readonly target: string
  /** Without the key. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly key: 'master' | 'wrong' | 'none'
  readonly body: string | null
}

/** The request with what was learnt in place of its marks. */
export function filled(request: WireRequest, learnt: Learnt): WireRequest {
  // What was encoded on its way into an address is a mark again.
  const marked = request.target.replace(/%3C%3C(\w+)%20(\d+)%3E%3E/g, '<<$1 $2>>')
  const inJson = (value: string) => utf8(JSON.stringify(value).slice(1, -1))
  const body = request.body === null ? null : learnt.fill(request.body, inJson)
  return { ...request, target: learnt.fill(marked, encoded), body }
}

export function bytesOf(request: WireRequest, masterKey: string): Uint8Array {
  const { method, target, headers, body } = request
  const key = { master: masterKey, wrong: `${masterKey}-not`, none: null }[request.key]
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(headers.some(([name]) => name === 'host') ? [] : ['host: localhost']),
    'connection: close',
    ...(key === null ? [] : [`authorization: Bearer ${key}`]),
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(body === null ? [] : [`content-length: ${body.length}`]),
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`, 'latin1')
}

const utf8 = (text: string) => Buffer.from(text).toString('latin1')

/** Good and bad requests at every route; more at those that the most code is behind. */
export const requestsTo = (routes: readonly DocumentedRoute[]): fc.Arbitrary<WireRequest> =>
  fc.oneof(
    ...routes.map((route) => ({
      weight: route.isMetered ? 4 : 1,
      arbitrary: requestsToRoute(route),
    })),
  )

function requestsToRoute(route: DocumentedRoute): fc.Arbitrary<WireRequest> {
  const good = goodRequests(route)
  const with_ = (part: fc.Arbitrary<Partial<WireRequest>>) =>
    fc.tuple(good, part).map(([request, changed]) => ({ ...request, ...changed }))
  const oddTarget = oddTargets.map((change) => change(route.path))
  return fc.oneof(
    { weight: 6, arbitrary: good },
    { weight: 6, arbitrary: with_(fc.record({ body: oddBodies(route) })) },
    { weight: 3, arbitrary: with_(fc.record({ target: oddQueries(route) })) },
    {
      weight: 2,
      arbitrary: with_(fc.record({ target: oddTarget, isToRoute: fc.constant(false) })),
    },
    { weight: 1, arbitrary: with_(fc.record({ method, isToRoute: fc.constant(false) })) },
    { weight: 2, arbitrary: with_(fc.record({ headers: oddHeaders })) },
    { weight: 1, arbitrary: with_(fc.record({ key: fc.constantFrom('wrong', 'none') })) },
    {
      weight: 1,
      arbitrary: with_(
        fc.record({
          isToRoute: fc.constant(false),
          target: fc.oneof(oddTarget, oddQueries(route)),
          method,
          headers: oddHeaders,
          key: fc.constantFrom('master', 'wrong', 'none'),
          body: oddBodies(route),
        }),
      ),
    },
  )
}

function goodRequests(route: DocumentedRoute): fc.Arbitrary<WireRequest> {
  const { method } = route
  const jsonType = ['content-type', 'application/json'] as const
  return fc.record({
    route: fc.constant(route),
    isToRoute: fc.constant(true),
    method: fc.constant(method),
    target: goodTargets(route),
    headers: fc.constant(route.body === null ? [] : [jsonType]),
    key: fc.constant('master'),
    body:
      route.body === null
        ? fc.constant(null)
        : goodBodies(route).map((value) => utf8(JSON.stringify(value))),
  })
}

const goodBodies = ({ body, bodyExamples }: DocumentedRoute): fc.Arbitrary<unknown> => {
  const values = valuesOf(body ?? {})
  return bodyExamples.length === 0 ? values : fc.oneof(values, fc.constantFrom(...bodyExamples))
}

function goodTargets(route: DocumentedRoute): fc.Arbitrary<string> {
  const inPath = route.parameters.filter((parameter) => parameter.in === 'path')
  const inQuery = route.parameters.filter((parameter) => parameter.in === 'query')
  const path = fc
    .tuple(...inPath.map((parameter) => segmentsOf(parameter)))
    .map((segments) =>
      inPath.reduce(
        (path, { name }, index) => path.replace(`{${name}}`, segments[index]!),
        route.path,
      ),
    )
  const query = fc.record(
    Object.fromEntries(inQuery.map((parameter) => [parameter.name, textsOf(parameter)])),
    { requiredKeys: inQuery.filter(({ required }) => required).map(({ name }) => name) },
  )
  return fc.tuple(path, query).map(([path, fields]) => {
    const text = Object.entries(fields).map(([name, value]) => `${name}=${encoded(value ?? '')}`)
    return text.length === 0 ? path : `${path}?${text.join('&')}`
  })
}

const textsOf = ({ name, schema = {}, examples = [] }: Parameter): fc.Arbitrary<string> =>
  valuesOf({ ...schema, ...(schema.examples === undefined && { examples }) }, name).map(String)

const SEGMENTS = ['demo', 'alice', 'a b', 'a/b', 'ü', '"><script>', "'", 'x'.repeat(300)]
const segmentsOf = (parameter: Parameter) =>
  fc
    .oneof(fc.constantFrom(...SEGMENTS), textsOf(parameter))
    .map((text) => encoded(text === '' ? 'x' : text))

/** Lone surrogates have no percent-encoding. */
const encoded = (text: string) => encodeURIComponent(text.toWellFormed())

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']
const method = fc.constantFrom(...METHODS)

/** Anything that a request line may hold. */
const OTHER_TARGETS = [
  ...['/', '//', '/%', '/%00', '/%2e%2e/%2e%2e/etc/passwd', '/..', '/?', '/\\', '/.', '/%zz'],
  ...['/docs/../customer/list', '/docs/%2e%2e/customer/list', '/health/liveness/../../metrics'],
  ...['/health/liveness%2f..%2f..%2fmetrics', '/models/docs', '/models/health/readiness'],
  ...['http://evil.example/customer/list', 'http://[::/customer/list', '/%E0%A4%A', '/%ff%fe'],
  ...['/<script>alert(1)</script>', '/__proto__', '/constructor', '/*', '/:id', '/{id}'],
  `/${'a'.repeat(8_000)}`,
  `/${'a/'.repeat(4_000)}`,
]

const oddTargets: fc.Arbitrary<(path: string) => string> = fc.oneof(
  fc.constantFrom(...OTHER_TARGETS).map((target) => () => target),
  fc.constantFrom<(path: string) => string>(
    (path) => `/${path}`,
    (path) => `${path}/`,
    (path) => `${path}//`,
    (path) => path.toUpperCase(),
    (path) => `${path};x=1`,
    (path) => `${path}%00`,
    (path) => `${path}%20`,
    (path) => `${path}.json`,
    (path) => `${path}#x`,
    (path) => `/docs/..${path}`,
    (path) => `/x/%2e%2e${path}`,
    (path) => `/v1/v1${path}`,
    (path) => path.replaceAll('/', '//'),
    (path) => path.replaceAll('/', '/./'),
    (path) => path.replaceAll('/', '%2f').replace('%2f', '/'),
    (path) => path.replaceAll('/', '\\').replace('\\', '/'),
    (path) => path.replace(/[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    (path) => path.slice(0, -1),
    (path) => `http://evil.example${path}`,
  ),
)

const QUERY_TEXTS = [
  ...['', '%', '%zz', '%00', '%E0%A4%A', '%ff', '%ED%A0%80', '+', '[1]', '{"a":1}', 'a,b', 'null'],
  ...['-1', '-0', '0', '1e308', 'NaN', '9007199254740993', 'true', 'alice', 'demo', '%0d%0ax:1'],
  ...['%3Cscript%3E', '__proto__', '2026-02-30', "'", 'x'.repeat(3_000)],
]

function oddQueries(route: DocumentedRoute): fc.Arbitrary<string> {
  const names = route.parameters.filter((of) => of.in === 'query').map(({ name }) => name)
  const OTHERS = ['x', '__proto__', 'constructor', '', 'toString', 'page[]', '%00', '%']
  const pair = fc
    .tuple(fc.constantFrom(...names, ...names, ...OTHERS), fc.constantFrom(...QUERY_TEXTS))
    .map(([name, text]) => `${name}=${text}`)
  const query = fc.oneof(
    fc.array(pair, { maxLength: 4 }).map((pairs) => pairs.join('&')),
    pair.map((twice) => `${twice}&${twice}`),
    fc.constantFrom('?', '&&&', '=', '&=&', '%', 'a'.repeat(6_000), 'a=1&'.repeat(1_000)),
  )
  return fc
    .tuple(goodTargets(route), query)
    .map(([target, query]) => `${target}${target.includes('?') ? '&' : '?'}${query}`)
}

const HEADERS: readonly (readonly [string, string])[] = [
  ...[
    ...['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', ''],
    ...['application/json; charset=utf-16', 'application/json, text/html', '/', 'a'.repeat(3_000)],
  ].map((value) => ['content-type', value] as const),
  ...['', '[::', 'a/b?c#d', 'x:99999', 'user:pw@x', '\xff', 'a'.repeat(3_000)].map(
    (value) => ['host', value] as const,
  ),
  ...['', 'a', 'a b', '\xc3\xa9', '\xff', '<b>', "a'--", 'x'.repeat(300), '__proto__'].map(
    (value) => ['x-litellm-customer-id', value] as const,
  ),
  ...['', 'k', '\xff', 'x'.repeat(3_000)].map((value) => ['idempotency-key', value] as const),
  ...['gzip', 'br', 'identity', 'x'].map((value) => ['content-encoding', value] as const),
  ['accept', 'text/html'],
  ['accept-encoding', 'gzip, br'],
  ['cookie', '__proto__=1; a="b'],
  ['origin', 'https://evil.example'],
  ['access-control-request-method', 'POST'],
  ['expect', 'x'],
  ['range', 'bytes=0-1'],
  ['if-none-match', '*'],
  ['upgrade', 'websocket'],
  ['x-http-method-override', 'DELETE'],
  ['x-forwarded-host', 'evil.example'],
  ['forwarded', 'for="[::1]"'],
  ['authorization', 'Basic OjpAQEA='],
  ['x-api-key', '\xff'],
  ['__proto__', '1'],
]

/** Some may come twice, but a second `Host` is no HTTP. */
const oddHeaders = fc
  .array(fc.constantFrom(...HEADERS), { maxLength: 4 })
  .map((headers) =>
    headers.filter(
      ([name], index) =>
        name !== 'host' || headers.findIndex(([other]) => other === 'host') === index,
    ),
  )

/** What is no JSON, or not in UTF-8. */
const BROKEN = [
  ...[
    '',
    ' ',
    '{',
    '{"',
    '[',
    '"',
    '{}{}',
    '{}x',
    "{'a':1}",
    '{a:1}',
    '{"a":1,}',
    '// x\n{}',
    'a=b',
  ],
  ...[
    '\xef\xbb\xbf{}',
    '\xff\xfe{\0}\0',
    '{"a":"\xff"}',
    '{"a":"\xc0\x80"}',
    '{"a":"\xed\xa0\x80"}',
  ],
  ...['\0', '{"user_id":"a', '--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--x--'],
  `${'{"a":'.repeat(60_000)}`,
  ' '.repeat(100_000),
]

const oddBodies = (route: DocumentedRoute): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 5, arbitrary: oddJson(goodBodies(route)).map(utf8) },
    { weight: 1, arbitrary: fc.constantFrom(...BROKEN) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(goodBodies(route), fc.nat(100))
        .map(([value, length]) => utf8(JSON.stringify(value)).slice(0, length)),
    },
  )

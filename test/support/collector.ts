import { Gate } from './gate.ts'

/** A span as it came, with its attributes as a map. */
export type ReceivedSpan = {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  /** 1: internal, 2: server, 3: client. */
  readonly kind: number
  /** Nanoseconds since the epoch. */
  readonly start: bigint
  readonly end: bigint
  /** 2: error. */
  readonly status: number
  readonly attributes: Readonly<Record<string, unknown>>
}

/** Where traces arrive, as OTLP over HTTP in JSON; and can be told to be a bad collector. */
export type Collector = AsyncDisposable & {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string
  readonly spans: readonly ReceivedSpan[]
  /** Attributes of the resource that came last. */
  readonly resource: Readonly<Record<string, unknown>>
  readonly requests: readonly { readonly path: string; readonly headers: Headers }[]
  /** All that came, as text. */
  readonly text: string
  /** Answers this status from now on, and takes nothing in. */
  fail(status: number): void
  recover(): void
  /** Answers nothing until the gate is opened. */
  holdAt(gate: Gate): void
}

type Value = Readonly<Record<string, unknown>>
type Attribute = { readonly key: string; readonly value: Value }

export function startCollector(): Collector {
  const spans: ReceivedSpan[] = []
  const requests: { path: string; headers: Headers }[] = []
  let text = ''
  let resource: Record<string, unknown> = {}
  let status = 200
  let gate = new Gate()
  gate.open()
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { pathname: path } = new URL(request.url)
      requests.push({ path, headers: request.headers })
      const body = await request.text()
      await gate.wait(new Promise(() => {}))
      if (status !== 200) return new Response('no', { status })
      text += body
      const json = JSON.parse(body)
      for (const { resource: of, scopeSpans } of json.resourceSpans) {
        resource = mapOf(of.attributes)
        for (const { spans: some } of scopeSpans) spans.push(...some.map(spanOf))
      }
      return Response.json({})
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    spans,
    requests,
    get text() {
      return text
    },
    get resource() {
      return resource
    },
    fail: (as) => {
      status = as
    },
    recover: () => {
      status = 200
    },
    holdAt: (at) => {
      gate = at
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

const mapOf = (attributes: readonly Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

// biome-ignore lint/suspicious/noExplicitAny: it is read as the protocol has it, or the test fails.
const spanOf = (span: any): ReceivedSpan => ({
  traceId: span.traceId,
  spanId: span.spanId,
  parentSpanId: span.parentSpanId,
  name: span.name,
  kind: span.kind,
  start: BigInt(span.startTimeUnixNano),
  end: BigInt(span.endTimeUnixNano),
  status: span.status?.code ?? 0,
  attributes: mapOf(span.attributes),
})

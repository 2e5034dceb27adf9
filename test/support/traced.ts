import { expect } from 'bun:test'
import type { Collector, ReceivedSpan } from './collector.ts'
import { eventually } from './eventually.ts'
import { type GatewayOptions, startGateway } from './gateway.ts'

/** A trace of a client, and the span of it that a call belongs in. */
export const TRACE = '0af7651916cd43dd8448eb211c80319c'
export const PARENT = 'b7ad6b7169203331'
export const traceparent = `00-${TRACE}-${PARENT}-01`

/** A gateway that sends its traces there, soon. */
export const tracedTo = (
  { url }: { readonly url: string },
  { env = {}, ...options }: GatewayOptions = {},
) => {
  const OTEL_EXPORTER_OTLP_ENDPOINT = url
  return startGateway({
    ...options,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_BSP_SCHEDULE_DELAY: '20', ...env },
  })
}

/** The spans of a trace, when they have all come: the one that is over last has no child to come. */
export const spansOf = (
  { spans }: Collector,
  traceId: string,
  count: number,
): Promise<ReceivedSpan[]> =>
  eventually(() => {
    const found = spans.filter((span) => span.traceId === traceId)
    expect(found).toHaveLength(count)
    return found
  })

export const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan => {
  const found = spans.filter((span) => span.name === name)
  expect([name, found.length]).toEqual([name, 1])
  return found[0]!
}

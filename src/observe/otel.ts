/**
 * Traces by OpenTelemetry's own packages. They are loaded only when somebody wants traces: nothing
 * else may import this file but by `import()`.
 */
import { type Context, ROOT_CONTEXT, type Tracer } from '@opentelemetry/api'
import { ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { Tracing } from '../config/tracing.ts'
import type { Observation, Watcher } from '../gateway/observation.ts'
import { logInfo, logWarning } from '../log.ts'
import { CallTrace } from './spans.ts'

/** What becomes of spans: each is sent, failed (the collector did not take it), or dropped. */
export type SpanCounts = { sent: number; failed: number; dropped: number }

export type Traces = {
  readonly watcher: Watcher
  readonly counts: Readonly<SpanCounts>
  /** Sends what waits, and never rejects; to be given up on when it takes too long. */
  readonly stop: () => Promise<void>
}

/** Longer texts in an attribute are cut: model names of an upstream are the longest there are. */
const ATTRIBUTE_CHARS_MAX = 256

export function startTraces(
  tracing: Tracing,
  about: { readonly version: string; readonly withCustomer: boolean; readonly now: () => number },
): Traces {
  const counts: SpanCounts = { sent: 0, failed: 0, dropped: 0 }
  const own = resourceFromAttributes({
    'service.name': 'tollgate',
    'service.version': about.version,
  })
  const provider = new TracerProvider({
    // What the environment says (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`) comes first.
    resource: own.merge(detectResources({ detectors: [envDetector] })),
    sampler: samplerOf(tracing),
    spanLimits: { attributeValueLengthLimit: ATTRIBUTE_CHARS_MAX },
    spanProcessors: [bounded(tracing, counts)],
  })
  const tracer = provider.getTracer('tollgate', about.version)
  return {
    watcher: watcherWith(tracer, about),
    counts,
    // That spans could not be sent is counted and told already; it must not keep the books open.
    stop: () => provider.shutdown().catch(() => {}),
  }
}

function samplerOf({ sampler, ratio }: Tracing): Sampler {
  const root = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio),
  }[sampler.replace('parentbased_', '') as 'always_on' | 'always_off' | 'traceidratio']()
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root
}

/**
 * Batches spans, of which so many may wait, those under way with them: a collector that is down or
 * slow costs no more memory than that. What is too much is dropped, and counted.
 */
function bounded(tracing: Tracing, counts: SpanCounts): SpanProcessor {
  const { url, headers, queueMax, batchMax, delayMs, timeoutMs } = tracing
  let waiting = 0
  const otlp = new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis: timeoutMs })
  const told = teller()
  const exporter: SpanExporter = {
    export(spans, done) {
      otlp.export(spans, (result) => {
        waiting -= spans.length
        const isSent = result.code === ExportResultCode.SUCCESS
        counts[isSent ? 'sent' : 'failed'] += spans.length
        told(isSent ? null : (result.error ?? new Error('no reason given')))
        done(result)
      })
    },
    shutdown: () => otlp.shutdown(),
  }
  const batches = new BatchSpanProcessor({
    exporter,
    maxQueueSize: queueMax,
    maxExportBatchSize: batchMax,
    scheduledDelayMillis: delayMs,
    exportTimeoutMillis: timeoutMs,
  })
  return {
    onStart: () => {},
    onEnd(span) {
      if (waiting >= queueMax) {
        counts.dropped++
        return
      }
      waiting++
      batches.onEnd(span)
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  }
}

/** A line when the collector begins to fail and when it recovers, not one for each batch. */
function teller() {
  let isFailing = false
  return (error: Error | null) => {
    if ((error !== null) === isFailing) return
    isFailing = error !== null
    if (error === null) logInfo('the collector takes traces again')
    else logWarning('the collector takes no traces; calls go on', { error: error.message })
  }
}

function watcherWith(
  tracer: Tracer,
  about: { readonly withCustomer: boolean; readonly now: () => number },
): Watcher {
  const traces = new WeakMap<Observation, CallTrace>()
  const propagator = new W3CTraceContextPropagator()
  return {
    began(seen, headers) {
      const parent = propagator.extract(ROOT_CONTEXT, headers, HEADERS)
      // The clock may be set while a call is under way: its spans stay on that of its beginning.
      const epochMs = about.now() - seen.beganAt
      traces.set(seen, new CallTrace(seen, { tracer, parent, epochMs }))
    },
    asking(seen) {
      const context = traces.get(seen)?.asking(seen)
      return context === undefined ? {} : injected(propagator, context)
    },
    over: (seen) => traces.get(seen)?.end(seen, about),
  }
}

const HEADERS = {
  get: (headers: Headers, name: string) => headers.get(name) ?? undefined,
  keys: (headers: Headers) => [...headers.keys()],
}

function injected(propagator: W3CTraceContextPropagator, context: Context) {
  const carrier: Record<string, string> = {}
  propagator.inject(context, carrier, {
    set: (to, name, value) => {
      to[name] = value
    },
  })
  return carrier
}

import {
  type Attributes,
  type Context,
  type HrTime,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { Deployment } from '../gateway/deployments.ts'
import type { Observation } from '../gateway/observation.ts'
import type { LedgerRow } from '../ledger/settlement.ts'
import { inputTokens, NO_USAGE, outputTokens } from '../metering/usage.ts'
import { genAiOperation, genAiProvider } from './gen-ai.ts'

/**
 * The spans of one call: the call itself, and in it its admission (with the reading of its body),
 * what the upstream did with the time to its first byte, and the settlement.
 *
 * Attributes are those of OpenTelemetry's conventions for GenAI
 * (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/) and HTTP, and our own as
 * `tollgate.…`. None holds what a client or a model said, nor a key.
 */
export class CallTrace {
  readonly #tracer: Tracer
  /** What a time of the observation is short of the time since the epoch, milliseconds. */
  readonly #epochMs: number
  readonly #call: Span
  readonly #context: Context
  #upstream: Span | null = null

  constructor(
    seen: Observation,
    about: { readonly tracer: Tracer; readonly parent: Context; readonly epochMs: number },
  ) {
    this.#tracer = about.tracer
    this.#epochMs = about.epochMs
    const options = { kind: SpanKind.SERVER, startTime: this.#time(seen.beganAt) }
    this.#call = about.tracer.startSpan(genAiOperation(seen.endpoint), options, about.parent)
    this.#context = trace.setSpan(about.parent, this.#call)
  }

  /** The upstream is asked. Answers the context that its own spans belong in. */
  asking({ askedAt }: Observation): Context {
    const options = { kind: SpanKind.CLIENT, startTime: this.#time(askedAt!) }
    this.#upstream = this.#tracer.startSpan('upstream', options, this.#context)
    return trace.setSpan(this.#context, this.#upstream)
  }

  end(seen: Observation, { withCustomer }: { readonly withCustomer: boolean }) {
    if (!this.#call.isRecording()) return
    const { beganAt, admittedAt, settlingAt, settledAt, endedAt } = seen
    this.#step('admission', this.#context, { from: beganAt, to: admittedAt ?? endedAt })
    this.#endUpstream(seen)
    this.#step('settlement', this.#context, { from: settlingAt, to: settledAt })
    const { deployment } = seen.subject ?? {}
    if (deployment !== undefined) {
      this.#call.updateName(`${genAiOperation(seen.endpoint)} ${deployment.modelName}`)
      this.#call.setAttributes(subjectOf(seen, deployment))
    }
    this.#call.setAttributes(answerOf(seen))
    if (seen.row !== null) this.#call.setAttributes(chargeOf(seen.row, withCustomer))
    if (isOurFailure(seen)) this.#call.setStatus({ code: SpanStatusCode.ERROR })
    this.#call.end(this.#time(endedAt!))
  }

  #endUpstream(seen: Observation) {
    if (this.#upstream === null) return
    const context = trace.setSpan(this.#context, this.#upstream)
    this.#step('first byte', context, { from: seen.askedAt, to: seen.firstByteAt })
    const { outcome } = seen.row ?? {}
    if (outcome === 'upstream_failed' || outcome === 'interrupted') {
      this.#upstream.setStatus({ code: SpanStatusCode.ERROR })
    }
    const { deployment } = seen.subject ?? {}
    if (deployment !== undefined) this.#upstream.setAttributes(upstreamOf(deployment))
    this.#upstream.end(this.#time(seen.settlingAt ?? seen.endedAt!))
  }

  /** A span that is over; none, if it did not come to its beginning or its end. */
  #step(
    name: string,
    context: Context,
    { from, to }: { readonly from: number | null; readonly to: number | null },
  ) {
    if (from === null || to === null) return
    this.#tracer.startSpan(name, { startTime: this.#time(from) }, context).end(this.#time(to))
  }

  /** Seconds and nanoseconds since the epoch. */
  #time(at: number): HrTime {
    const ms = this.#epochMs + at
    const seconds = Math.floor(ms / 1000)
    return [seconds, Math.floor((ms - seconds * 1000) * 1e6)]
  }
}

const subjectOf = ({ endpoint, subject }: Observation, deployment: Deployment): Attributes => ({
  'gen_ai.operation.name': genAiOperation(endpoint),
  'gen_ai.provider.name': genAiProvider(deployment.provider),
  'gen_ai.request.model': deployment.modelName,
  'gen_ai.request.stream': subject?.isStream ?? false,
  'tollgate.deployment': deployment.id,
})

function answerOf({ id, endpoint, status, refusal, answerModel }: Observation): Attributes {
  return {
    'http.request.method': 'POST',
    'http.route': endpoint.path,
    'http.response.status_code': status!,
    'tollgate.call_id': id,
    ...(refusal === null ? {} : { 'error.type': refusal }),
    ...(answerModel === null ? {} : { 'gen_ai.response.model': answerModel }),
  }
}

/** The input has what was read from a cache and written to one in it, as the conventions say. */
function chargeOf(row: LedgerRow, withCustomer: boolean): Attributes {
  const usage = { ...NO_USAGE, ...row.usage }
  const customer = withCustomer && row.customerId !== null ? row.customerId : null
  return {
    'gen_ai.usage.input_tokens': inputTokens(usage),
    'gen_ai.usage.output_tokens': outputTokens(usage),
    'gen_ai.usage.cache_read.input_tokens': usage.cachedInput,
    'gen_ai.usage.cache_creation.input_tokens': usage.cacheWrite + usage.cacheWriteHour,
    'gen_ai.usage.reasoning.output_tokens': usage.reasoning,
    'tollgate.outcome': row.outcome,
    'tollgate.usage_source': row.usageSource,
    'tollgate.cost': row.cost / 1e9,
    'tollgate.charge': row.charge / 1e9,
    ...(customer === null ? {} : { 'tollgate.customer_id': customer }),
  }
}

/** Where it is, without the path of its address, which may hold a token. */
function upstreamOf({ apiBase, provider, upstreamModel }: Deployment): Attributes {
  const about = {
    'gen_ai.provider.name': genAiProvider(provider),
    'gen_ai.request.model': upstreamModel,
  }
  if (apiBase === null) return about
  const { hostname, port, protocol } = new URL(apiBase)
  const ofScheme = protocol === 'https:' ? 443 : 80
  return { ...about, 'server.address': hostname, 'server.port': Number(port) || ofScheme }
}

/** A refusal is the client's failure; an answer that broke off, or a 5xx, is one of this side. */
const isOurFailure = ({ status, row }: Observation): boolean =>
  status! >= 500 || row?.outcome === 'interrupted'

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
import type { Observation, Try } from '../gateway/observation.ts'
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
  /** One for each try. */
  readonly #upstreams: Span[] = []

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

  /** An upstream is asked. Answers the context that its own spans belong in. */
  asking({ tries }: Observation): Context {
    const startTime = this.#time(tries.at(-1)!.askedAt)
    const options = { kind: SpanKind.CLIENT, startTime }
    const span = this.#tracer.startSpan('upstream', options, this.#context)
    this.#upstreams.push(span)
    return trace.setSpan(this.#context, span)
  }

  end(seen: Observation, { withCustomer }: { readonly withCustomer: boolean }) {
    if (!this.#call.isRecording()) return
    const { beganAt, admittedAt, settlingAt, settledAt, endedAt } = seen
    // What costs nothing is asked without being admitted.
    const letInAt = admittedAt ?? seen.tries[0]?.askedAt ?? endedAt
    this.#step('admission', this.#context, { from: beganAt, to: letInAt })
    for (const [index, span] of this.#upstreams.entries()) {
      this.#endUpstream(span, seen.tries[index]!, seen)
    }
    this.#step('settlement', this.#context, { from: settlingAt, to: settledAt })
    const model = seen.subject?.model ?? null
    if (model !== null) this.#call.updateName(`${genAiOperation(seen.endpoint)} ${model}`)
    this.#call.setAttributes(subjectOf(seen))
    this.#call.setAttributes(answerOf(seen))
    if (seen.row !== null) this.#call.setAttributes(chargeOf(seen.row, withCustomer))
    if (isOurFailure(seen)) this.#call.setStatus({ code: SpanStatusCode.ERROR })
    this.#call.end(this.#time(endedAt!))
  }

  #endUpstream(span: Span, { deployment, askedAt, failedAt }: Try, seen: Observation) {
    if (failedAt === null) {
      const context = trace.setSpan(this.#context, span)
      this.#step('first byte', context, { from: askedAt, to: seen.firstByteAt })
    }
    const { outcome } = seen.row ?? {}
    const isBroken = outcome === 'upstream_failed' || outcome === 'interrupted'
    if (failedAt !== null || isBroken) span.setStatus({ code: SpanStatusCode.ERROR })
    span.setAttributes(upstreamOf(deployment))
    span.end(this.#time(failedAt ?? seen.settlingAt ?? seen.endedAt!))
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

function subjectOf({ endpoint, subject, tries }: Observation): Attributes {
  const operation = { 'gen_ai.operation.name': genAiOperation(endpoint) }
  if (subject === null) return operation
  const { deployment } = tries.at(-1) ?? {}
  return {
    ...operation,
    'gen_ai.request.stream': subject.isStream,
    ...(subject.model === null ? {} : { 'gen_ai.request.model': subject.model }),
    ...(deployment === undefined
      ? {}
      : {
          'gen_ai.provider.name': genAiProvider(deployment.provider),
          'tollgate.deployment': deployment.id,
        }),
  }
}

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
function upstreamOf({ id, apiBase, provider, upstreamModel }: Deployment): Attributes {
  const about = {
    'gen_ai.provider.name': genAiProvider(provider),
    'gen_ai.request.model': upstreamModel,
    'tollgate.deployment': id,
  }
  if (apiBase === null) return about
  const { hostname, port, protocol } = new URL(apiBase)
  const ofScheme = protocol === 'https:' ? 443 : 80
  return { ...about, 'server.address': hostname, 'server.port': Number(port) || ofScheme }
}

/** A refusal is the client's failure; an answer that broke off, or a 5xx, is one of this side. */
const isOurFailure = ({ status, row }: Observation): boolean =>
  status! >= 500 || row?.outcome === 'interrupted'

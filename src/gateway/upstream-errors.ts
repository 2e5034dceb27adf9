import { Refusal } from '../errors.ts'
import type { Deployment } from './deployments.ts'
import { withoutAccount } from './without-account.ts'

/**
 * An upstream's refusal as ours: its status, its type, its sentence without what names accounts. Of
 * its body nothing else is kept, not even for the log: it may quote the prompt.
 */
export function refusalOf(response: Response, text: string, deployment: Deployment): Refusal {
  const { message, type, param } = errorOf(parse(text), deployment)
  const about = `The upstream of \`${deployment.modelName}\` answered ${response.status}`
  const isError = response.status >= 400 && response.status <= 599
  const retryAfter = response.headers.get('retry-after')
  return new Refusal('upstream_failed', `${about}${message === null ? '.' : `: ${message}`}`, {
    status: isError ? response.status : 502,
    ...(type === null ? {} : { type }),
    ...(param === null ? {} : { param }),
    headers: retryAfter === null ? {} : { 'retry-after': retryAfter },
  })
}

/** An answer of status 200 that is an error all the same, as some compatible servers send them. */
export function refusalInside(json: unknown, deployment: Deployment): Refusal {
  const { message, type, param } = errorOf(json, deployment)
  const about = `The upstream of \`${deployment.modelName}\` answered with an error`
  return new Refusal('upstream_failed', `${about}${message === null ? '.' : `: ${message}`}`, {
    ...(type === null ? {} : { type }),
    ...(param === null ? {} : { param }),
  })
}

/** Why an upstream refused, as far as it decides who is asked next. */
export type Why = 'context window' | 'content policy' | 'failed'

/** In the words of OpenAI, Azure, Anthropic, vLLM, llama.cpp and others, in code or sentence. */
const CONTEXT_WINDOW = new RegExp(
  'context_length_exceeded|maximum context length|context window|prompt is too long|' +
    'exceeds? the (available )?context',
  'i',
)
const CONTENT_POLICY = /content_filter|content_policy_violation|ResponsibleAIPolicyViolation/i

export function whyOf(text: string): Why {
  if (CONTEXT_WINDOW.test(text)) return 'context window'
  return CONTENT_POLICY.test(text) ? 'content policy' : 'failed'
}

/** No connection, or one that broke before the answer began. */
export const connectionFailed = ({ modelName }: Deployment, cause: unknown): Refusal =>
  new Refusal('upstream_failed', `The upstream of \`${modelName}\` cannot be reached.`, { cause })

const TEXT_CHARS_MAX = 1_000

type UpstreamError = {
  readonly message: string | null
  readonly type: string | null
  readonly param: string | null
}

/** OpenAI's error object, or those of the compatible ones that put it elsewhere. */
function errorOf(json: unknown, deployment: Deployment): UpstreamError {
  const first = (Array.isArray(json) ? json[0] : json) as { error?: unknown } | null | undefined
  const error = first?.error ?? first
  const text = (value: unknown) =>
    typeof value === 'string' ? withoutAccount(value, deployment).slice(0, TEXT_CHARS_MAX) : null
  if (typeof error === 'string') return { message: text(error), type: null, param: null }
  const { message, type, param, code } = (error ?? {}) as Record<string, unknown>
  // Azure says what went wrong in the code alone: `content_filter`, `DeploymentNotFound`.
  const named = text(type) ?? (/^\d*$/.test(String(code ?? '')) ? null : text(code))
  return { message: text(message), type: named, param: text(param) }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

import { Refusal } from '../errors.ts'
import type { SentBody } from '../gateway/body.ts'
import { refuseMonstrous } from '../gateway/json-bounds.ts'
import { readBody } from './request-body.ts'

/** More than any of our own routes needs: a thousand ids to delete are a quarter of it. */
const LIMITS = { bytesMax: 1_000_000, timeoutMs: 60_000 }

/**
 * A route's `parse`: the body as JSON, whatever its content type says, as `curl -d` calls
 * everything a form. Throws `invalid_request`, `body_too_large` or `body_too_slow`, which Elysia
 * wraps in a `ParseError`. The second entry is never reached; it tells the OpenAPI document what is
 * taken.
 */
export const JSON_BODY: [typeof readJson, 'json'] = [readJson, 'json']

/** The same for a route that may be asked without a body: that is as good as an empty object. */
export const OPTIONAL_JSON_BODY: typeof JSON_BODY = [readOptionalJson, 'json']

async function readJson({ request }: { readonly request: Request }): Promise<unknown> {
  const text = textOf(await readBody(request, LIMITS))
  if (text.trim() === '') {
    throw new Refusal('invalid_request', 'The body is empty; it must be a JSON object')
  }
  return parse(text)
}

async function readOptionalJson({ request }: { readonly request: Request }): Promise<unknown> {
  const text = textOf(await readBody(request, LIMITS))
  return text.trim() === '' ? {} : parse(text)
}

function parse(text: string): unknown {
  refuseMonstrous(text)
  try {
    return JSON.parse(text)
  } catch (cause) {
    const { message } = cause as SyntaxError
    throw new Refusal('invalid_request', `The body is not valid JSON: ${message}`, { cause })
  }
}

function textOf({ text }: SentBody): string {
  if (text === null) throw new Refusal('invalid_request', 'The body is not valid UTF-8')
  return text
}

import { Refusal } from '../errors.ts'
import { refuseMonstrous } from '../gateway/json-bounds.ts'

/** More than any of our own routes needs: a thousand ids to delete are a quarter of it. */
const BODY_BYTES_MAX = 1_000_000

/**
 * A route's `parse`: the body as JSON, whatever its content type says, as `curl -d` calls
 * everything a form. Throws `invalid_request` or `body_too_large`, which Elysia wraps in a
 * `ParseError`. The second entry is never reached; it tells the OpenAPI document what is taken.
 */
export const JSON_BODY: [typeof readJson, 'json'] = [readJson, 'json']

/** The same for a route that may be asked without a body: that is as good as an empty object. */
export const OPTIONAL_JSON_BODY: typeof JSON_BODY = [readOptionalJson, 'json']

async function readJson({ request }: { readonly request: Request }): Promise<unknown> {
  const text = await readText(request)
  if (text.trim() === '') {
    throw new Refusal('invalid_request', 'The body is empty; it must be a JSON object')
  }
  return parse(text)
}

async function readOptionalJson({ request }: { readonly request: Request }): Promise<unknown> {
  const text = await readText(request)
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

async function readText({ body }: Request): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  let bytes = 0
  if (body === null) return text
  for await (const chunk of body) {
    bytes += chunk.byteLength
    if (bytes > BODY_BYTES_MAX) {
      throw new Refusal('body_too_large', `The body has more than ${BODY_BYTES_MAX} bytes`)
    }
    text += decode(decoder, chunk)
  }
  return text + decode(decoder, null)
}

function decode(decoder: TextDecoder, chunk: Uint8Array | null): string {
  try {
    return chunk === null ? decoder.decode() : decoder.decode(chunk, { stream: true })
  } catch (cause) {
    throw new Refusal('invalid_request', 'The body is not valid UTF-8', { cause })
  }
}

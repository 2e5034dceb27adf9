/** The way to the server: the same public API that everyone has, documented at `/docs`. */

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>

/** A refusal of the server, in its own words. `status` 0: it could not be reached at all. */
export class ApiError extends Error {
  readonly status: number
  /** The field at fault. */
  readonly param: string | null
  /** The kind of refusal. */
  readonly type: string | null

  constructor(
    status: number,
    message: string,
    param: string | null = null,
    type: string | null = null,
  ) {
    super(message)
    this.status = status
    this.param = param
    this.type = type
  }
}

export type Ask = {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly query?: Query
  /** Makes it a POST. */
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** Opens the sign-in over the page, and resolves when somebody has signed in again. */
let signIn: () => Promise<void> = () => Promise.reject(new ApiError(401, 'You are not signed in'))
export const onSignedOut = (ask: () => Promise<void>) => {
  signIn = ask
}

/** A path with its query; what is null or empty is left out. */
export function address(path: string, query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => (value ?? '') !== '')
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return text === '' ? path : `${path}?${text}`
}

/**
 * Asks, and throws `ApiError` for any answer that is not good. When the session is over it is asked
 * for a key first, and then asks again, so that nothing that was typed is lost.
 */
export async function respond(path: string, ask: Ask = {}): Promise<Response> {
  const { query, json, headers, signal } = ask
  const send = () =>
    fetch(address(path, query), {
      method: ask.method ?? (json === undefined ? 'GET' : 'POST'),
      headers: {
        'x-tollgate-console': '1',
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      ...(signal === undefined ? {} : { signal }),
    }).catch((error: unknown) => {
      if (signal?.aborted) throw error
      throw new ApiError(0, 'The server cannot be reached. Is it running?')
    })
  const response = await send()
  if (response.ok) return response
  if (response.status === 401 && headers?.['authorization'] === undefined) {
    await signIn()
    return respond(path, ask)
  }
  throw await refusalIn(response)
}

/** The same, as JSON. */
export async function get<Answer>(path: string, query: Query = {}, ask: Ask = {}) {
  return (await respond(path, { ...ask, query })).json() as Promise<Answer>
}

export async function post<Answer>(path: string, json: unknown) {
  return (await respond(path, { json })).json() as Promise<Answer>
}

async function refusalIn(response: Response): Promise<ApiError> {
  const text = await response.text()
  try {
    const { error } = JSON.parse(text) as { error: Pick<ApiError, 'message' | 'param' | 'type'> }
    return new ApiError(response.status, error.message, error.param, error.type)
  } catch {
    return new ApiError(response.status, `The server answered ${response.status}: ${text}`)
  }
}

/** What to say of something that was thrown. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

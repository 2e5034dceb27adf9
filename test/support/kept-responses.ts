import type { Gate } from './gate.ts'

type Json = Readonly<Record<string, unknown>>

/** What the double has kept of an answer of `/responses`. */
type Kept = {
  readonly done: Json
  /** Null: it is done. Opened, it is done from the next look on. */
  readonly gate: Gate | null
  status: 'done' | 'in_progress' | 'cancelled'
}

/**
 * The responses that the double keeps
 * (https://platform.openai.com/docs/api-reference/responses/retrieve, and what is beside it).
 */
export class KeptResponses {
  readonly #kept = new Map<string, Kept>()

  /** Answers what the client is told of it now. */
  keep(done: Json, gate: Gate | null): Json {
    const kept: Kept = { done, gate, status: gate === null ? 'done' : 'in_progress' }
    this.#kept.set(done['id'] as string, kept)
    if (gate !== null) void gate.wait(new Promise(() => {})).then(() => finish(kept))
    return gate === null ? done : { ...made(done), status: 'queued' }
  }

  /** The status and the JSON of an answer; null: it is not about a response. */
  answer(method: string, path: string): { readonly status: number; readonly json: Json } | null {
    const [, id, below] = /^\/v1\/responses\/([^/]+)(\/.*)?$/.exec(path) ?? []
    if (id === undefined) return null
    const kept = this.#kept.get(id)
    if (kept === undefined) return { status: 404, json: notFound(id) }
    if (method === 'DELETE') {
      this.#kept.delete(id)
      return { status: 200, json: { id, object: 'response', deleted: true } }
    }
    if (below === '/input_items') return { status: 200, json: { object: 'list', data: [] } }
    if (below === '/cancel' && kept.status === 'in_progress') kept.status = 'cancelled'
    return { status: 200, json: shown(kept) }
  }
}

function finish(kept: Kept) {
  if (kept.status === 'in_progress') kept.status = 'done'
}

/** As it is while it is being made. */
const made = (done: Json): Json => ({ ...done, output: [], usage: null, incomplete_details: null })

function shown({ done, status }: Kept): Json {
  if (status === 'done') return done
  if (status === 'in_progress') return { ...made(done), status }
  // What had been written by then is paid for.
  return { ...made(done), status, usage: done['usage'] }
}

const notFound = (id: string): Json => ({
  error: {
    message: `Response with id '${id}' not found.`,
    type: 'invalid_request_error',
    param: null,
    code: null,
  },
})

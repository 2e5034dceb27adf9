import { Buffer } from 'node:buffer'
import { createHash, randomUUID } from 'node:crypto'
import { Refusal } from '../errors.ts'
import type { FormBody } from '../gateway/form.ts'

/** A field or a file of a form, in the order in which they came. */
export type Part = FieldPart | FilePart

export type FieldPart = { readonly kind: 'field'; readonly name: string; readonly value: string }

export type FilePart = {
  readonly kind: 'file'
  readonly name: string
  /** Null: it came without. */
  readonly filename: string | null
  readonly type: string
  /** Where it is on disk. */
  readonly from: number
  readonly to: number
  /** Of its bytes. */
  readonly digest: string
}

type Read = (from: number, to: number) => ReadableStream<Uint8Array<ArrayBuffer>>

/** `metadata[user_id]`, as OpenAI's clients write what is inside of an object. */
const INSIDE = /^(metadata|litellm_metadata)\[([^\]]+)\]$/

/**
 * What the fields of a form say, as if they had come as JSON: text, but for `stream` and what the
 * gateway looks into. Throws `invalid_request` for a field that is there twice, unless its name
 * says that it is a list (`[]`): the upstream might read another than we did.
 */
export function jsonOf(parts: readonly Part[]): Readonly<Record<string, unknown>> {
  const json = new Map<string, unknown>()
  const seen = new Set<string>()
  for (const { name, ...part } of parts) {
    const isList = name.endsWith('[]')
    if (seen.has(name) && !isList) throw twice(name)
    seen.add(name)
    if (part.kind === 'file') continue
    const [, outer, inner] = INSIDE.exec(name) ?? []
    if (outer !== undefined && inner !== undefined) {
      json.set(outer, { ...(json.get(outer) as object | undefined), [inner]: part.value })
    } else if (isList) {
      json.set(name, [...((json.get(name) as unknown[] | undefined) ?? []), part.value])
    } else json.set(name, fieldValue(name, part.value))
  }
  return Object.fromEntries(json)
}

function fieldValue(name: string, text: string): unknown {
  if (name === 'stream' && (text === 'true' || text === 'false')) return text === 'true'
  if (name !== 'metadata' && name !== 'litellm_metadata') return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const twice = (name: string) =>
  new Refusal('invalid_request', `\`${name}\` is given twice; give it once.`, { param: name })

/** Of all that a form says; the parts cannot run into each other. */
export function digestOf(parts: readonly Part[]): string {
  const hash = createHash('sha256')
  for (const part of parts) {
    const said =
      part.kind === 'field'
        ? [part.name, part.value]
        : [part.name, part.filename, part.type, part.digest]
    hash.update(`${JSON.stringify(said)}\n`)
  }
  return hash.digest('base64url')
}

/** A form with some fields set to other JSON, or (null) taken out; its files are read from disk. */
export function bodyOf(
  parts: readonly Part[],
  edits: ReadonlyMap<string, string | null>,
  read: Read,
): FormBody {
  const boundary = `tollgate-${randomUUID()}`
  const missing = new Map(edits)
  const segments: (Uint8Array<ArrayBuffer> | FilePart)[] = []
  const add = (text: string) => segments.push(new TextEncoder().encode(text))
  const addField = (name: string, value: string) =>
    add(`--${boundary}\r\n${dispositionOf(name, null)}\r\n\r\n${value}\r\n`)
  for (const part of parts) {
    const [outer = part.name] = part.name.split('[', 1)
    const edit = edits.get(part.name) ?? (edits.get(outer) === null ? null : undefined)
    missing.delete(part.name)
    if (part.kind === 'file') {
      const type = `content-type: ${part.type}`
      add(`--${boundary}\r\n${dispositionOf(part.name, part.filename)}\r\n${type}\r\n\r\n`)
      segments.push(part)
      add('\r\n')
    } else if (edit === undefined) addField(part.name, part.value)
    else if (edit !== null) addField(part.name, textOf(edit))
  }
  for (const [name, edit] of missing) if (edit !== null) addField(name, textOf(edit))
  add(`--${boundary}--\r\n`)
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    bytes: segments.reduce((sum, segment) => sum + lengthOf(segment), 0),
    open: () => joined(segments, read),
  }
}

const lengthOf = (segment: Uint8Array | FilePart): number =>
  'kind' in segment ? segment.to - segment.from : segment.length

function textOf(json: string): string {
  const value: unknown = JSON.parse(json)
  return typeof value === 'string' ? value : json
}

/** https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data */
function dispositionOf(name: string, filename: string | null): string {
  const ofFile = filename === null ? '' : `; filename="${escaped(filename)}"`
  return `content-disposition: form-data; name="${escaped(name)}"${ofFile}`
}

const escaped = (name: string): string =>
  name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')

function joined(segments: readonly (Uint8Array<ArrayBuffer> | FilePart)[], read: Read) {
  let next = 0
  let file: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | null = null
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        for (;;) {
          const piece = await file?.read()
          if (piece !== undefined && !piece.done) return controller.enqueue(piece.value)
          file = null
          const segment = segments[next++]
          if (segment === undefined) return controller.close()
          if (!('kind' in segment)) return controller.enqueue(Buffer.from(segment))
          file = read(segment.from, segment.to).getReader()
        }
      },
      cancel: () => file?.cancel(),
    },
    { highWaterMark: 0 },
  )
}

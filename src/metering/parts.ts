import type { Json } from './wire.ts'

/** Messages, the items of a response's input, and all parts that are in these, however deep. */
export function partsIn(body: Json): readonly Json[] {
  const found: Json[] = []
  addParts(body['messages'], found)
  addParts(body['input'], found)
  return found
}

function addParts(list: unknown, found: Json[]) {
  if (!Array.isArray(list)) return
  for (const item of list) {
    if (typeof item !== 'object' || item === null) continue
    const part = item as Json
    found.push(part)
    addParts(part['content'], found)
    addParts(part['output'], found)
  }
}

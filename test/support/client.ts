/** A chat completion that is valid everywhere. */
export const ASK = {
  model: 'gpt-4o-mini',
  messages: [{ role: 'user' as const, content: 'Say hello' }],
}

/** The members that make a call a stream with usage. */
export const STREAM = { stream: true, stream_options: { include_usage: true } }

/** POSTs a chat completion without any client library; `url` ends in `/v1`. */
export const post = (
  { url, key = 'sk-upstream' }: { readonly url: string; readonly key?: string },
  more: object = {},
  init: RequestInit = {},
): Promise<Response> =>
  fetch(`${url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...ASK, ...more }),
    ...init,
  })

/** The pieces as the client got them, until the end or the break, and which of the two it was. */
export async function piecesOf(response: Response) {
  const pieces: Uint8Array[] = []
  let isBroken = false
  const reader = response.body!.getReader()
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      pieces.push(read.value)
    }
  } catch {
    isBroken = true
  }
  return { pieces, bytes: Buffer.concat(pieces), isBroken }
}

/** The text of a stream; `seen` is told what has come, whenever more has. */
export async function textOf(response: Response, seen: (soFar: string) => void): Promise<string> {
  let text = ''
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece
    seen(text)
  }
  return text
}

/** What follows `data:` of each whole event, comments left out. */
export const dataOf = (text: string): string[] =>
  text
    .split(/(?<=\r?\n\r?\n)/)
    .filter((event) => event.startsWith('data:') && /\n\r?\n$/.test(event))
    .map((event) => event.slice('data:'.length).trim())

/** Reads a stream until something is in what came of it. */
export async function untilIn(body: ReadableStream<Uint8Array>, wanted: string) {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  for (let text = ''; !text.includes(wanted); ) {
    const { value } = await reader.read()
    text += decoder.decode(value, { stream: true })
  }
}

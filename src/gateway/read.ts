/**
 * The body of an answer, but no more of it than so many bytes: what an upstream sends has no end
 * that could be relied on. `isWhole` is false when there was more; the rest is then given up.
 */
export async function readAtMost(
  response: Response,
  bytesMax: number,
): Promise<{ readonly bytes: ArrayBuffer; readonly isWhole: boolean }> {
  const declared = Number(response.headers.get('content-length') ?? Number.NaN)
  if (declared <= bytesMax && !response.headers.has('content-encoding')) {
    return { bytes: await response.arrayBuffer(), isWhole: true }
  }
  const pieces: Uint8Array<ArrayBuffer>[] = []
  let length = 0
  const reader = response.body?.getReader()
  for (let read = await reader?.read(); read && !read.done; read = await reader!.read()) {
    const piece = read.value.subarray(0, bytesMax - length)
    pieces.push(piece)
    length += piece.length
    if (piece.length === read.value.length) continue
    await reader!.cancel()
    return { bytes: await new Blob(pieces).arrayBuffer(), isWhole: false }
  }
  return { bytes: await new Blob(pieces).arrayBuffer(), isWhole: true }
}

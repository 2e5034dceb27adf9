/**
 * No file of sound has fewer bytes in a second: voice at 6 kbit/s. One whose length cannot be read
 * is held for as if it were as long as that.
 */
const BYTES_PER_SECOND_MIN = 750

/**
 * A file with more bytes in a second, sound or video, lies about its length: 96 kHz at 24 bits in
 * six channels have 1.7 MB, and a film in the highest quality that is filmed 4 MB.
 */
const BYTES_PER_SECOND_MAX = 4_000_000

/**
 * How long a sound is, milliseconds, by the packets in it where its format has those; at most, if
 * its format is not known or says what cannot be.
 */
export async function soundMsOf(
  sound: () => ReadableStream<Uint8Array<ArrayBuffer>>,
  { bytes, filename }: { readonly bytes: number; readonly filename: string | null },
): Promise<number> {
  const most = Math.ceil((bytes / BYTES_PER_SECOND_MIN) * 1_000)
  // By what is in it; only if that says nothing by its name, which anybody may give it.
  const seconds =
    (await secondsOf(sound(), { size: bytes })) ??
    (filename === null ? null : await secondsOf(sound(), { size: bytes, path: filename }))
  if (seconds === null || !(seconds >= bytes / BYTES_PER_SECOND_MAX)) return most
  return Math.min(Math.ceil(seconds * 1_000), most)
}

/** Null: it does not say, or is no sound that is known. */
async function secondsOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  about: { readonly size: number; readonly path?: string },
): Promise<number | null> {
  // Loaded when it is first needed, as that takes 60 ms.
  const { parseWebStream } = await import('music-metadata')
  try {
    const { format } = await parseWebStream(stream, about, { duration: true, skipCovers: true })
    return format.duration ?? null
  } catch {
    return null
  } finally {
    await stream.cancel().catch(() => {})
  }
}

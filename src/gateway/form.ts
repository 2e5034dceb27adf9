import type { Json } from '../metering/wire.ts'
import type { Upload } from './media-call.ts'

/**
 * The body of a call that is a form with files (`multipart/form-data`): its fields are in memory,
 * its files are not.
 */
export type Form = {
  /** Its fields: text but for `stream`, in lists where the name ends in `[]`. */
  readonly json: Json
  /** Bytes of the fields. */
  readonly fieldBytes: number
  readonly upload: Upload
  /** Of all that it says, the files as well: the same for the same form. */
  readonly digest: string
  /** As it goes upstream: with some fields set to other JSON, or (null) taken out. */
  readonly edited: (edits: ReadonlyMap<string, string | null>) => FormBody
}

/** A body that is read from disk each time it is sent. */
export type FormBody = {
  readonly contentType: string
  readonly bytes: number
  readonly open: () => ReadableStream<Uint8Array<ArrayBuffer>>
}

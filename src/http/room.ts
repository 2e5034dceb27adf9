import { Refusal } from '../errors.ts'

/** When who was told that there is no room should come back, seconds. */
const RETRY_AFTER = '5'

/** How much of the disk forms may take together. */
export class Room {
  readonly #bytesMax: number
  #taken = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Answers what gives it back, all or (told so) but for a part. Throws `overloaded`. */
  take(bytes: number): (butFor?: number) => void {
    if (this.#taken + bytes > this.#bytesMax) {
      const message = `Forms of ${this.#bytesMax} bytes are on disk, and no more are taken at once.`
      throw new Refusal('overloaded', message, { headers: { 'retry-after': RETRY_AFTER } })
    }
    this.#taken += bytes
    let left = bytes
    return (butFor = 0) => {
      this.#taken -= left - Math.min(left, butFor)
      left = Math.min(left, butFor)
    }
  }
}

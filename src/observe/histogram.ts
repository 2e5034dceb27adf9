import { numberText, type Sample } from './exposition.ts'

/** How many of some seconds were no more than each of some bounds. */
export class Histogram {
  readonly #bounds: readonly number[]
  /** Above the last bound is one more. */
  readonly #counts: number[]
  #sum = 0

  /** `bounds` are in seconds, ascending. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(seconds: number) {
    const bounds = this.#bounds
    let index = 0
    while (index < bounds.length && seconds > bounds[index]!) index++
    this.#counts[index]!++
    this.#sum += seconds
  }

  /** None, as long as nothing was observed. */
  samples(labels: Sample['labels']): Sample[] {
    const samples: Sample[] = []
    let count = 0
    for (const [index, own] of this.#counts.entries()) {
      count += own
      const le = numberText(this.#bounds[index] ?? Number.POSITIVE_INFINITY)
      samples.push({ suffix: '_bucket', labels: { ...labels, le }, value: count })
    }
    if (count === 0) return []
    samples.push({ suffix: '_sum', labels, value: this.#sum })
    samples.push({ suffix: '_count', labels, value: count })
    return samples
  }
}

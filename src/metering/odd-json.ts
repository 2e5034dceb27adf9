/**
 * A text that JSON should have at a place; empty for anything else. `String` itself throws at an
 * object that says what its `toString` is, and whoever writes JSON can say that.
 */
export const textIn = (value: unknown): string => (typeof value === 'string' ? value : '')

/** A number, also as a form writes it; `NaN` for anything else, for the same reason. */
export const numberIn = (value: unknown): number =>
  typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN

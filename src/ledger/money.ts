/**
 * Money is a whole number of nano-dollars: $1 is 1_000_000_000.
 *
 * Whole, because a sum of a million float charges drifts and an integer sum does not; nano, because
 * a cheap token costs only a few of them. A double holds integers exactly up to 2^53, which is
 * $9,007,199: far above any one budget, and checked whenever money is made.
 */
declare const unit: unique symbol
export type Nanos = number & { readonly [unit]: 'nano-dollars' }

export const ZERO = 0 as Nanos

/**
 * The most dollars that one amount may be: a little below what a double counts exactly in nanos.
 */
export const DOLLARS_MAX = 9_000_000

/** Marks an integer as money. Throws on a fraction, on NaN, and past 2^53: each is our bug. */
export function nanos(amount: number): Nanos {
  if (!Number.isSafeInteger(amount))
    throw new RangeError(`not a whole number of nano-dollars: ${amount}`)
  return amount as Nanos
}

/** Dollars as a client sent them, rounded to the nearest nano-dollar. */
export const fromDollars = (dollars: number): Nanos => nanos(Math.round(dollars * 1e9))

/** Dollars for JSON. Below $1,000,000 every nano-dollar survives: a double keeps 15 digits. */
export const toDollars = (amount: Nanos): number => amount / 1e9

export const plus = (a: Nanos, b: Nanos): Nanos => nanos(a + b)
export const minus = (a: Nanos, b: Nanos): Nanos => nanos(a - b)

/** Dollars as decimal text, to the last nano-dollar and without an exponent: `0.00004`. */
export function dollarsText(amount: Nanos): string {
  const digits = String(Math.abs(amount)).padStart(10, '0')
  const fraction = digits.slice(-9).replace(/0+$/, '')
  const whole = `${amount < 0 ? '-' : ''}${digits.slice(0, -9)}`
  return fraction === '' ? whole : `${whole}.${fraction}`
}

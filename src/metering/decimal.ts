const DECIMAL = /^\+?(?=\.?\d)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,4}))?$/i

/** 2^53 has sixteen. */
const SAFE_DIGITS_MAX = 16

/**
 * A decimal number times ten to the power of `places`, when that is a whole number from 0 that a
 * double holds exactly; else null. Works on the digits as written, because `1.5e-7 * 1e15` is
 * 149999999.99999997 in floats.
 */
export function shiftDecimal(decimal: number | string, places: number): number | null {
  const match = DECIMAL.exec(String(decimal).trim())
  if (match === null) return null
  const [, whole = '', fraction = '', exponent = '0'] = match
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (significant === '') return 0
  const zeros = digits.length - significant.length + Number(exponent) - fraction.length + places
  if (zeros < 0 || significant.length + zeros > SAFE_DIGITS_MAX) return null
  const shifted = Number(significant + '0'.repeat(zeros))
  return Number.isSafeInteger(shifted) ? shifted : null
}

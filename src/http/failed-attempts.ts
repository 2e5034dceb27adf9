/** A window opens with the first wrong key from an address. */
const WINDOW_MS = 60_000

/** Addresses remembered at once; one more lets go of the one remembered for longest. */
const ADDRESSES_MAX = 10_000

/**
 * Counts wrong keys by the address that they came from. It never stands in the way of a right key:
 * behind one address may be a whole company or a load balancer, and a key of 128 bits is not
 * guessed by trying. What it takes from who tries is the answer, and the load that trying makes.
 */
export class FailedAttempts {
  readonly #limit: number
  /** In the order in which the windows opened. */
  readonly #byAddress = new Map<string, { count: number; readonly until: number }>()

  /** `limit` wrong keys in a minute are answered as such; 0: any number. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Counts a wrong key. */
  add(address: string | null, now: number) {
    if (this.#limit === 0) return
    const group = groupOf(address)
    const open = this.#byAddress.get(group)
    if (open !== undefined && now < open.until) {
      open.count++
      return
    }
    this.#byAddress.delete(group)
    if (this.#byAddress.size >= ADDRESSES_MAX) {
      this.#byAddress.delete(this.#byAddress.keys().next().value!)
    }
    this.#byAddress.set(group, { count: 1, until: now + WINDOW_MS })
  }

  /** How long more attempts from there are not looked at, milliseconds; null: they are. */
  waitMs(address: string | null, now: number): number | null {
    const open = this.#byAddress.get(groupOf(address))
    if (open === undefined || now >= open.until || open.count <= this.#limit) return null
    return open.until - now
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#byAddress.size
  }
}

/**
 * Whom an address stands for: an IPv4 address for itself, of an IPv6 one the first half, as one
 * machine has all of the other. Those that nobody knows, of a socket without any, are one.
 */
function groupOf(address: string | null): string {
  if (address === null) return 'unknown'
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(address)
  if (mapped !== null) return mapped[1]!
  if (!address.includes(':')) return address
  const [left = '', right] = address.toLowerCase().split('%')[0]!.split('::')
  const groups = left === '' ? [] : left.split(':')
  const rest = right === undefined || right === '' ? [] : right.split(':')
  while (right !== undefined && groups.length + rest.length < 8) groups.push('0')
  return [...groups, ...rest].slice(0, 4).join(':')
}

import { minus, type Nanos, nanos, plus, ZERO } from './money.ts'

/**
 * Credit that a customer has paid in advance, as values.
 *
 * What is in a wallet came in by grants, each of which is used up by itself. The order of use is a
 * rule that its buyer can be told: the lowest `priority` first; of those the soonest to expire, and
 * what never does last; of those the oldest.
 *
 * A charge past all of it is an overdraft, which only an upstream that ignores its cap can cause,
 * or a mode in which calls may finish over. Then no grant has anything left, and the next to come
 * in pays it off first: so a wallet has either credit or an overdraft, never both.
 *
 * Conservation, exact and after every step:
 *
 *     granted + adjusted = charged + balance + expired + refunded
 *
 * A *grant* brings credit in. An *adjustment* is an operator's, in either direction: it gives back
 * what a call was charged, or takes what was granted by mistake. A *refund* pays credit out, to the
 * buyer. An *expiry* takes what was left of a grant when its time came. What is *charged* are
 * calls, and the corrections that put their charges right.
 */
export type Wallet = {
  /** Those with something left, in the order of use. */
  readonly grants: readonly OpenGrant[]
  /** Never negative. */
  readonly overdraft: Nanos
}

/** A grant as far as its use is concerned. */
export type OpenGrant = {
  /** ULID. */
  readonly id: string
  /** Above zero. */
  readonly remaining: Nanos
  /** The lower, the sooner it is used. */
  readonly priority: number
  /** Milliseconds since the epoch; null: never. */
  readonly expiresAt: number | null
  readonly createdAt: number
}

/** Where an amount goes to or comes from, signed; null: the overdraft. */
export type Move = { readonly grantId: string | null; readonly amount: Nanos }

export type Moved = { readonly wallet: Wallet; readonly moves: readonly Move[] }

export const PRIORITY = 50

export const EMPTY_WALLET: Wallet = { grants: [], overdraft: ZERO }

/** A wallet of grants in any order; those that are used up are left out. */
export const walletOf = (grants: readonly OpenGrant[], overdraft: Nanos): Wallet => ({
  grants: grants.filter(({ remaining }) => remaining > 0).sort(inOrderOfUse),
  overdraft,
})

export const balanceOf = ({ grants, overdraft }: Wallet): Nanos =>
  grants.reduce((sum, { remaining }) => plus(sum, remaining), minus(ZERO, overdraft))

function inOrderOfUse(a: OpenGrant, b: OpenGrant): number {
  const end = ({ expiresAt }: OpenGrant) => expiresAt ?? Number.MAX_SAFE_INTEGER
  return (
    a.priority - b.priority ||
    end(a) - end(b) ||
    a.createdAt - b.createdAt ||
    (a.id < b.id ? -1 : 1)
  )
}

/** Takes a charge out, in the order of use; what exceeds all grants is an overdraft. */
export function draw(wallet: Wallet, charge: Nanos): Moved {
  const { moves, left } = takeFrom(wallet.grants, charge)
  if (left > 0) moves.push({ grantId: null, amount: minus(ZERO, left) })
  return { wallet: after(wallet, moves), moves }
}

/** Brings a grant in. It pays off an overdraft first: `payment` are the moves of that. */
export function bringIn(wallet: Wallet, grant: OpenGrant): Moved & { payment: readonly Move[] } {
  const paid = nanos(Math.min(wallet.overdraft, grant.remaining))
  const moves = [{ grantId: grant.id, amount: grant.remaining }]
  const payment = [
    { grantId: grant.id, amount: minus(ZERO, paid) },
    { grantId: null, amount: paid },
  ]
  const left = { ...grant, remaining: minus(grant.remaining, paid) }
  return {
    wallet: walletOf([...wallet.grants, left], minus(wallet.overdraft, paid)),
    moves,
    payment: paid > 0 ? payment : [],
  }
}

/**
 * Takes credit out that is not charged: in the order of use, in the reverse (what would be used
 * last is paid out first), or of one grant. Null: there is not so much.
 */
export function takeOut(
  wallet: Wallet,
  amount: Nanos,
  from: 'first used' | 'last used' | { readonly grantId: string },
): Moved | null {
  const { moves, left } = takeFrom(candidates(wallet, from), amount)
  return left > 0 ? null : { wallet: after(wallet, moves), moves }
}

function candidates({ grants }: Wallet, from: Parameters<typeof takeOut>[2]) {
  if (from === 'first used') return grants
  return from === 'last used' ? grants.toReversed() : grants.filter(({ id }) => id === from.grantId)
}

/**
 * Takes out what is left of grants whose time has come. What calls in flight hold of such a grant
 * stays until they settle: the holds of those that were admitted before its end, as far as grants
 * before it in the order of use do not cover them. In no case more than what nobody holds.
 */
export function expire(
  wallet: Wallet,
  about: {
    readonly now: number
    /** By all calls. */
    readonly held: Nanos
    /** By calls in flight that were admitted before a moment. */
    readonly heldSince: (before: number) => Nanos
  },
): Moved {
  const moves: Move[] = []
  let free = Math.max(0, minus(balanceOf(wallet), about.held))
  let ahead = 0
  for (const { id, remaining, expiresAt } of wallet.grants) {
    const isOver = expiresAt !== null && expiresAt <= about.now
    const kept = isOver ? Math.max(0, about.heldSince(expiresAt) - ahead) : remaining
    const gone = Math.min(Math.max(0, remaining - kept), free)
    if (gone > 0) moves.push({ grantId: id, amount: nanos(-gone) })
    free -= gone
    ahead += remaining - gone
  }
  return { wallet: after(wallet, moves), moves }
}

/** When the next grant ends, milliseconds; null: none does. */
export function nextExpiry({ grants }: Wallet): number | null {
  const ends = grants.map(({ expiresAt }) => expiresAt).filter((end) => end !== null)
  return ends.length === 0 ? null : Math.min(...ends)
}

function takeFrom(grants: readonly OpenGrant[], amount: Nanos): { moves: Move[]; left: Nanos } {
  const moves: Move[] = []
  let left: number = amount
  for (const { id, remaining } of grants) {
    if (left <= 0) break
    const taken = Math.min(remaining, left)
    moves.push({ grantId: id, amount: nanos(-taken) })
    left -= taken
  }
  return { moves, left: nanos(left) }
}

function after(wallet: Wallet, moves: readonly Move[]): Wallet {
  if (moves.length === 0) return wallet
  const byGrant = new Map(moves.map(({ grantId, amount }) => [grantId, amount]))
  const left = wallet.grants.map((grant) => {
    const moved = byGrant.get(grant.id)
    return moved === undefined ? grant : { ...grant, remaining: plus(grant.remaining, moved) }
  })
  return {
    grants: left.filter(({ remaining }) => remaining > 0),
    overdraft: minus(wallet.overdraft, byGrant.get(null) ?? ZERO),
  }
}

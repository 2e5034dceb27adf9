import { type Nanos, nanos } from '../ledger/money.ts'
import type { Units } from './media.ts'
import type { Price, Rates } from './price.ts'
import type { Kind, TokenKind } from './usage.ts'

/** What a million tokens cost at worst: the dearest kind that each could turn out to be. */
export type WorstRates = {
  readonly input: Nanos
  readonly output: Nanos
  /** What the call costs besides its tokens: pictures, sound, characters, a fee. */
  readonly besides: Nanos
  /** The least that it comes to, whatever it uses. */
  readonly minimum?: Nanos
}

/** What a call may come to, before anybody has answered. */
export type Demand = {
  /** No more than these are read. */
  readonly inputTokens: number
  /** Of these, the most in what nobody can look into: by the minute it counts afterwards. */
  readonly unseenTokens: number
  /** The client's own cap on each choice; null: it set none. */
  readonly cap: number | null
  /** Answers asked for at once: OpenAI's `n`. */
  readonly choices: number
  /** The most that the model writes for a choice, as far as anybody knows. */
  readonly modelMax: number | null
  /** Null: nobody knows the price, and the call counts as nothing. */
  readonly rates: WorstRates | null
}

/** What limits it. Null: nothing does. */
export type Room = {
  readonly money: Nanos | null
  readonly tokens: number | null
}

export type SizeRules = {
  /** Most of the room that a call without a cap of its own may take when it cannot have all. */
  readonly share: number
  /** A choice is never capped below this, unless the client itself did. */
  readonly outputTokensMin: number
  /** Taken for the most that a model writes when nobody knows. */
  readonly outputTokensMaxDefault: number
}

/** What is to be held for a call. */
export type Size = {
  readonly worstCase: Nanos
  readonly inputTokens: number
  /** Of these, what counts by the minute from the beginning. */
  readonly seenTokens: number
  /** For all choices together. */
  readonly outputTokens: number
  /** To be sent upstream for each choice; null: what the client sent is right as it is. */
  readonly cap: number | null
}

const TOKENS_PER_RATE = 1_000_000n

/** What of a call decides which kinds of tokens it can have; the rest it can always have. */
export type Ingredients = {
  /** Goes in or comes out. */
  readonly hasAudio: boolean
  /** Is shown, or asked for. */
  readonly hasImages: boolean
  /** The prompt may be written to a cache for an hour; asked only where that is dearer. */
  readonly hasHourCache: () => boolean
  /** What comes besides, and cannot be capped: no more than so many of each kind. */
  readonly units: Units
}

/**
 * The dearest rates that a call of so much input can be charged at, at any of the prices that may
 * apply. A prompt can be written to a cache, which costs more than to read it, and an answer can be
 * thought, spoken or drawn.
 */
export function worstRates(
  prices: readonly Price[],
  call: Ingredients & { readonly inputTokens: number },
): WorstRates {
  const all: Rates[] = []
  for (const { rates, tiers } of prices) {
    all.push(rates)
    for (const tier of tiers) if (call.inputTokens > tier.inputTokensAbove) all.push(tier.rates)
  }
  const input: TokenKind[] = ['input', 'cachedInput', 'cacheWrite']
  const output: TokenKind[] = ['output', 'reasoning']
  const isHourDearer = all.some((rates) => rates.cacheWriteHour > rates.cacheWrite)
  if (isHourDearer && call.hasHourCache()) input.push('cacheWriteHour')
  if (call.hasAudio) input.push('inputAudio')
  if (call.hasAudio) output.push('outputAudio')
  if (call.hasImages) input.push('inputImage')
  if (call.hasImages) output.push('outputImage')
  const besides = Math.max(...all.map((rates) => costOfUnits(call.units, rates)))
  return { input: dearest(all, input), output: dearest(all, output), besides: nanos(besides) }
}

function costOfUnits(units: Ingredients['units'], rates: Rates): number {
  let total = 0
  for (const [kind, count] of Object.entries(units)) {
    total += count * (rates[kind as Kind] ?? 0)
  }
  return Math.min(Math.ceil(total / Number(TOKENS_PER_RATE)), Number.MAX_SAFE_INTEGER)
}

function dearest(all: readonly Rates[], kinds: readonly TokenKind[]): Nanos {
  let most = 0
  for (const rates of all) for (const kind of kinds) most = Math.max(most, rates[kind])
  return nanos(most)
}

/** The cost of so many tokens at worst, rounded up as a cost is. */
export function worstCase(
  tokens: { readonly input: number; readonly output: number },
  rates: WorstRates | null,
): Nanos {
  if (rates === null) return nanos(0)
  const { minimum = 0 } = rates
  const total = tokens.input * rates.input + tokens.output * rates.output
  if (total <= Number.MAX_SAFE_INTEGER && rates.besides === 0) {
    return nanos(Math.max(Math.ceil(total / Number(TOKENS_PER_RATE)), minimum))
  }
  const exact =
    BigInt(tokens.input) * BigInt(rates.input) + BigInt(tokens.output) * BigInt(rates.output)
  const cost = (exact + TOKENS_PER_RATE - 1n) / TOKENS_PER_RATE + BigInt(rates.besides)
  // More than money can be is more than any budget is.
  const most = cost > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Number(cost)
  return nanos(Math.max(most, minimum))
}

/** The most output tokens whose worst case, with that input, is within `room`; negative: none. */
export function outputWithin(
  room: Nanos,
  call: { readonly inputTokens: number; readonly rates: WorstRates | null },
): number {
  const { inputTokens, rates } = call
  if (rates === null) return Number.MAX_SAFE_INTEGER
  if (room < (rates.minimum ?? 0)) return -1
  const forTokens = BigInt(room) - BigInt(rates.besides)
  const left = forTokens * TOKENS_PER_RATE - BigInt(inputTokens) * BigInt(rates.input)
  if (left < 0n) return -1
  if (rates.output === 0) return Number.MAX_SAFE_INTEGER
  const tokens = left / BigInt(rates.output)
  return tokens > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Number(tokens)
}

/** All that a call could take: what is held where nothing is to be capped. */
export function wholeSize(demand: Demand, rules: SizeRules): Size {
  const { inputTokens, choices, rates } = demand
  const outputTokens = wanted(demand, rules) * choices
  const cost = worstCase({ input: inputTokens, output: outputTokens }, rates)
  return { worstCase: cost, inputTokens, seenTokens: seenIn(demand), outputTokens, cap: null }
}

/**
 * What to hold for a call under a limit, so that whatever the upstream answers within its cap stays
 * inside the room. All that the call could take if that fits. Else less, with the cap that makes it
 * true: a call with a cap of its own gets what fits of it, one without at most its share of the
 * room, so that one call does not starve the others. Null: not even the least that is worth
 * sending fits.
 */
export function sizeWithin(room: Room, demand: Demand, rules: SizeRules): Size | null {
  const whole = wholeSize(demand, rules)
  // Where the model's own limit is not known, only a cap makes the assumption true.
  const isAssumed = demand.cap === null && demand.modelMax === null
  const isLimited = room.money !== null || room.tokens !== null
  if (fits(whole, room)) {
    return isAssumed && isLimited ? { ...whole, cap: whole.outputTokens / demand.choices } : whole
  }
  const most = wanted(demand, rules)
  const least = Math.min(most, rules.outputTokensMin)
  const all = perChoice(room, demand)
  if (all < least) return null
  const shared = demand.cap === null ? perChoice(shareOf(room, rules.share), demand) : all
  const cap = Math.min(most, Math.max(least, shared))
  const outputTokens = cap * demand.choices
  const tokens = { input: demand.inputTokens, output: outputTokens }
  const cost = worstCase(tokens, demand.rates)
  return { ...whole, worstCase: cost, outputTokens, cap }
}

/** What of a call's input counts by the minute from the beginning. */
export const seenIn = ({ inputTokens, unseenTokens }: Demand): number => inputTokens - unseenTokens

/** What each choice may write if nothing else limits it. */
const wanted = ({ cap, modelMax }: Demand, { outputTokensMaxDefault }: SizeRules): number =>
  Math.min(cap ?? Number.POSITIVE_INFINITY, modelMax ?? cap ?? outputTokensMaxDefault)

function fits({ worstCase, seenTokens, outputTokens }: Size, { money, tokens }: Room): boolean {
  const fitsMoney = money === null || worstCase <= money
  return fitsMoney && (tokens === null || seenTokens + outputTokens <= tokens)
}

/** The most output tokens for each choice that the room has beside the input; negative: none. */
function perChoice({ money, tokens }: Room, demand: Demand): number {
  const byMoney = money === null ? Number.MAX_SAFE_INTEGER : outputWithin(money, demand)
  const byTokens = tokens === null ? Number.MAX_SAFE_INTEGER : tokens - seenIn(demand)
  return Math.floor(Math.min(byMoney, byTokens) / demand.choices)
}

const shareOf = ({ money, tokens }: Room, share: number): Room => ({
  money: money === null ? null : nanos(Math.floor(money * share)),
  tokens: tokens === null ? null : Math.floor(tokens * share),
})

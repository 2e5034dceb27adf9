import { exactCount, exactMoney } from './format.ts'

/** A rate card as the server has it: what customers are charged, in place of what calls cost. */
export type RateCard = {
  /** On the cost. */
  readonly markup_percent?: number | null
  /** By model, in place of the cost and its markup: dollars for a token, by their config keys. */
  readonly prices?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | null
  /** Dollars. */
  readonly fee_per_call?: number | null
  readonly minimum_per_call?: number | null
  /** Of each calendar month. */
  readonly free_allowance?: { readonly tokens?: number; readonly dollars?: number } | null
  /** For display: how many of it a dollar is. */
  readonly currency?: { readonly code: string; readonly rate: number } | null
}

/** A card as typed into a form. Empty: not said. */
export type CardValues = {
  /** Whether there is one of its own at all. */
  readonly has_card: boolean
  readonly markup_percent: string
  readonly fee_per_call: string
  readonly minimum_per_call: string
  readonly free_unit: 'tokens' | 'dollars'
  readonly free_amount: string
  readonly currency_code: string
  readonly currency_rate: string
  /** JSON. */
  readonly prices: string
}

const typed = (value: number | null | undefined) => (value == null ? '' : String(value))

/** What to put into a form to change a card, or to make one. */
export function cardValues(card: RateCard | null): CardValues {
  const { prices, free_allowance: free, currency } = card ?? {}
  return {
    has_card: card !== null,
    markup_percent: typed(card?.markup_percent),
    fee_per_call: typed(card?.fee_per_call),
    minimum_per_call: typed(card?.minimum_per_call),
    free_unit: free?.dollars === undefined ? 'tokens' : 'dollars',
    free_amount: typed(free?.tokens ?? free?.dollars),
    currency_code: currency?.code ?? '',
    currency_rate: typed(currency?.rate),
    prices: prices == null ? '' : JSON.stringify(prices, null, 2),
  }
}

/** A number, or what was typed in its place: then the server says what is wrong with it. */
const numberOf = (text: string): number | string =>
  text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text.trim()

/** The card as the server takes it; null: none. Throws `SyntaxError` for prices not in JSON. */
export function cardJson(values: CardValues): Record<string, unknown> | null {
  if (!values.has_card) return null
  const said = (text: string) => text.trim() !== ''
  const { free_unit: unit, free_amount: free, currency_code: code, currency_rate: rate } = values
  const numbers = (['markup_percent', 'fee_per_call', 'minimum_per_call'] as const).filter((name) =>
    said(values[name]),
  )
  return {
    ...Object.fromEntries(numbers.map((name) => [name, numberOf(values[name])])),
    ...(said(values.prices) && { prices: JSON.parse(values.prices) as unknown }),
    ...(said(free) && { free_allowance: { [unit]: numberOf(free) } }),
    ...((said(code) || said(rate)) && {
      currency: { code: code.trim().toUpperCase(), rate: numberOf(rate) },
    }),
  }
}

/** What a card says, a sentence each. */
export function cardWords(card: RateCard): readonly string[] {
  const { markup_percent: markup = null, prices, free_allowance: free, currency } = card
  const models = Object.keys(prices ?? {})
  const words = [
    markup !== null && markup !== 0 && `the cost ${markup > 0 ? '+' : '−'} ${Math.abs(markup)}%`,
    models.length > 0 && `prices of its own for ${models.join(', ')}`,
    card.fee_per_call != null && `${exactMoney(card.fee_per_call)} for each call`,
    card.minimum_per_call != null && `at least ${exactMoney(card.minimum_per_call)} a call`,
    free?.tokens !== undefined && `${exactCount(free.tokens)} tokens a month free`,
    free?.dollars !== undefined && `${exactMoney(free.dollars)} a month free`,
    currency != null && `shown in ${currency.code}, ${currency.rate} to the dollar`,
  ].filter((sentence) => sentence !== false)
  return words.length === 0 ? ['what calls cost'] : words
}

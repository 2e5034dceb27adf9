import { countText, type Encode, promptTexts } from '../../src/metering/tokens.ts'

/** The tokens of what a call asks, counted at one go. */
export function countPrompt(body: Readonly<Record<string, unknown>>, encode: Encode): number {
  const { texts, besides } = promptTexts(body)
  return texts.reduce((sum, text) => sum + countText(text, encode), besides)
}

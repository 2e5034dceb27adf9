import { setImmediate } from 'node:timers'
import { SLICE_CHARS_MAX, slicesOf } from '../metering/slices.ts'
import { countText, type Encode, promptTexts } from '../metering/tokens.ts'

/** The tokens of texts, counted in turns. */
export async function countInTurns(texts: Iterable<string>, encode: Encode): Promise<number> {
  let tokens = 0
  for (const text of texts) {
    for (const slice of slicesOf(text)) {
      await turnFor(slice.length)
      tokens += countText(slice, encode)
    }
  }
  return tokens
}

/** The tokens of what a call asks, counted in turns. */
export async function countPromptInTurns(
  json: Readonly<Record<string, unknown>>,
  encode: Encode,
): Promise<number> {
  const { texts, besides } = promptTexts(json)
  return besides + (await countInTurns(texts, encode))
}

/** What may still be counted before the event loop goes round, characters. */
let charsLeft = SLICE_CHARS_MAX

/** Resolves when the last turn that was asked for begins. */
let lastTurn: Promise<void> = Promise.resolve()

/**
 * Whoever counts waits here, so that a round of the event loop counts no more than one slice,
 * however many texts are being counted: ten megabytes take a second, or ten if they are hostile,
 * and every other call goes on meanwhile. What is short and comes first is counted at once.
 */
async function turnFor(chars: number): Promise<void> {
  if (chars > charsLeft) {
    lastTurn = lastTurn.then(round)
    await lastTurn
  }
  charsLeft -= chars
}

const round = () =>
  new Promise<void>((resolve) =>
    setImmediate(() => {
      charsLeft = SLICE_CHARS_MAX
      resolve()
    }),
  )

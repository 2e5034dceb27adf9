import { cardWords, type RateCard } from '../rate-card.ts'

/** What a rate card says, one sentence a line, and its prices. */
export function CardWords({ of }: { readonly of: RateCard }) {
  return (
    <>
      <ul class="limits">
        {cardWords(of).map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
      {of.prices != null && (
        <details>
          <summary>Prices</summary>
          <pre>{JSON.stringify(of.prices, null, 2)}</pre>
        </details>
      )}
    </>
  )
}

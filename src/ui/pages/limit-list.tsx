import { type Limits, limitWords } from '../limits.ts'

/** Limits in words, one a line. */
export function LimitList({ of }: { readonly of: Limits | null }) {
  const words = of === null ? [] : limitWords(of)
  if (words.length === 0) return <span class="muted">nothing is limited</span>
  return (
    <ul class="limits">
      {words.map((sentence) => (
        <li key={sentence}>{sentence}</li>
      ))}
    </ul>
  )
}

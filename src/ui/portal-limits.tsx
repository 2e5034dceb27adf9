import { exactCount, exactMoney, plural } from './format.ts'
import { perPeriod, type Summary } from './portal-data.ts'

type Limits = Summary['limits']

/** What limits a customer, in words. */
export function LimitList({ of }: { readonly of: Limits }) {
  const sentences = sentencesOf(of)
  if (sentences.length === 0) return <p class="muted">Nothing is limited.</p>
  return (
    <ul class="limits">
      {sentences.map((sentence) => (
        <li key={sentence}>{sentence}</li>
      ))}
    </ul>
  )
}

function sentencesOf(limits: Limits): string[] {
  const { max_parallel_requests: parallel, models, by_model } = limits
  return [
    ...amounts(limits).map((amount) => `${amount}.`),
    ...(parallel === null ? [] : [`${plural(parallel, 'call')} at the same time.`]),
    ...(models === null ? [] : [`Models: ${models.length === 0 ? 'none' : models.join(', ')}.`]),
    ...by_model.flatMap(({ model, ...of }) => {
      const amount = amounts(of)
      return amount.length === 0 ? [] : [`${model} alone: ${amount.join(', ')}.`]
    }),
  ]
}

function amounts(limits: Omit<Limits, 'max_parallel_requests' | 'models' | 'by_model'>): string[] {
  const { max_budget, budget_duration, rpm_limit, tpm_limit } = limits
  return [
    ...(max_budget === null ? [] : [`${exactMoney(max_budget)} ${perPeriod(budget_duration)}`]),
    ...(rpm_limit === null ? [] : [`${plural(rpm_limit, 'call')} a minute`]),
    ...(tpm_limit === null ? [] : [`${exactCount(tpm_limit)} tokens a minute`]),
  ]
}

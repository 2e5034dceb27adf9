/** One number of a family, under the labels that tell it from the others. */
export type Sample = {
  readonly labels: Readonly<Record<string, string>>
  /** Text is a decimal that a double would not hold to its last place. */
  readonly value: number | string
  /** Of a histogram: `_bucket`, `_sum` or `_count`. */
  readonly suffix?: string
}

/** Numbers of one name and meaning. */
export type Family = {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: readonly Sample[]
}

const NO_LABELS = {}

/** A family of one number. */
export const gauge = (name: string, help: string, value: Sample['value']): Family => ({
  name,
  help,
  type: 'gauge',
  samples: [{ labels: NO_LABELS, value }],
})

/**
 * Families in Prometheus's text format, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Labels without a value are left
 * out, which to Prometheus is the same; so are families without a number.
 */
export const exposed = (families: readonly Family[]): string =>
  families
    .filter(({ samples }) => samples.length > 0)
    .map(familyText)
    .join('')

function familyText({ name, help, type, samples }: Family): string {
  const lines = samples.map(({ labels, value, suffix = '' }) => {
    const number = typeof value === 'string' ? value : numberText(value)
    return `${name}${suffix}${labelsText(labels)} ${number}\n`
  })
  return `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function labelsText(labels: Sample['labels']): string {
  const pairs = Object.entries(labels)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** A carriage return needs no escape, but half of a surrogate pair has no UTF-8. */
const escaped = (text: string): string =>
  text.toWellFormed().replaceAll('\\', '\\\\').replaceAll('\n', '\\n')

/** As Go's `ParseFloat` reads it. */
export function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (Number.isFinite(value)) return String(value)
  return value > 0 ? '+Inf' : '-Inf'
}

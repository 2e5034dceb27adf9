/** A number of `/metrics`, under its name and labels. */
export type Metric = {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** As it is written. */
  readonly text: string
}

const TYPES = ['counter', 'gauge', 'histogram']
const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/

/**
 * Reads Prometheus's text format, character by character and as its documentation has it; throws at
 * whatever is not in it, also at a number whose family was not told of before.
 */
export function parseMetrics(text: string): Metric[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end')
  const types = new Map<string, string>()
  const metrics: Metric[] = []
  for (const line of text.split('\n').slice(0, -1)) {
    if (line.startsWith('# HELP ')) continue
    if (!line.startsWith('# TYPE ')) {
      metrics.push(parseLine(line, types))
      continue
    }
    const [name = '', type = '', ...more] = line.slice('# TYPE '.length).split(' ')
    if (!NAME.test(name) || !TYPES.includes(type) || more.length > 0) throw new Error(line)
    if (types.has(name)) throw new Error(`${name} is told of twice`)
    types.set(name, type)
  }
  return metrics
}

function parseLine(line: string, types: ReadonlyMap<string, string>): Metric {
  const name = /^[^{ ]*/.exec(line)![0]
  const family = types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '')
  if (!NAME.test(name) || !types.has(family)) throw new Error(`of no family: ${line}`)
  if (family !== name && types.get(family) !== 'histogram') throw new Error(`no histogram: ${line}`)
  const { labels, end } = parseLabels(line, name.length)
  const text = line.slice(end + 1)
  if (line[end] !== ' ' || !/^(-?\d+(\.\d+)?(e[+-]?\d+)?|NaN|[+-]Inf)$/.test(text)) {
    throw new Error(`no number: ${line}`)
  }
  return { name, labels, value: Number(text.replace('Inf', 'Infinity')), text }
}

function parseLabels(line: string, start: number) {
  const labels: Record<string, string> = {}
  if (line[start] !== '{') return { labels, end: start }
  let at = start + 1
  while (line[at] !== '}') {
    const label = /^[a-zA-Z_][a-zA-Z0-9_]*(?==")/.exec(line.slice(at))?.[0]
    if (label === undefined || Object.hasOwn(labels, label)) throw new Error(`labels: ${line}`)
    at += label.length + 2
    let value = ''
    for (; line[at] !== '"'; at++) {
      if (at >= line.length) throw new Error(`a value without an end: ${line}`)
      if (line[at] === '\\') value += unescaped(line[++at])
      else value += line[at]
    }
    labels[label] = value
    at++
    if (line[at] === ',') at++
  }
  return { labels, end: at + 1 }
}

function unescaped(letter: string | undefined): string {
  if (letter === 'n') return '\n'
  if (letter === '\\' || letter === '"') return letter
  throw new Error(`no escape: \\${letter}`)
}

/** The metrics of a name whose labels are these, and others perhaps. */
export const metricsOf = (
  metrics: readonly Metric[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Metric[] =>
  metrics.filter(
    (metric) =>
      metric.name === name &&
      Object.entries(labels).every(([label, value]) => metric.labels[label] === value),
  )

/** Their sum; 0 for none. */
export const sumOf = (...of: Parameters<typeof metricsOf>): number =>
  metricsOf(...of).reduce((sum, { value }) => sum + value, 0)

/** Dollars as they are written, in nano-dollars: a double of dollars would not hold them all. */
export function nanosIn({ text }: Metric): bigint {
  const [whole = '0', fraction = ''] = text.split('.')
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'))
}

/** A line for each thing worth a line; the only file that writes to the console. */

const LEVELS = ['info', 'warn', 'error'] as const

export type LogLevel = (typeof LEVELS)[number]

/** `json`: a line of JSON each, for programs. `text`: for people. */
export type LogFormat = 'json' | 'text'

export type LogSettings = {
  readonly format: LogFormat
  /** What is below it is not written. */
  readonly level: LogLevel
  /** Of text: whether a terminal shows it. */
  readonly isColoured: boolean
}

type Facts = Readonly<Record<string, unknown>>

let settings: LogSettings = { format: 'json', level: 'info', isColoured: false }

/** As they stand in a line. */
let secrets: readonly string[] = []

export function setLog(changed: Partial<LogSettings>) {
  settings = { ...settings, ...changed }
}

/**
 * Keeps these out of every line from now on, whoever writes it: an error of the runtime may tell
 * the address that it failed at, with the token in it.
 */
export function hideInLog(more: Iterable<string>) {
  const written = [...more].flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
  const forms = [...written, ...written.map(shown)]
  // The longest first: one may be a part of another.
  secrets = [...new Set([...secrets, ...forms])].sort((a, b) => b.length - a.length)
}

export function logInfo(message: string, facts: Facts = {}) {
  write('info', message, facts)
}

export function logWarning(message: string, facts: Facts = {}) {
  write('warn', message, facts)
}

/** A failure of ours, with its cause whole: the only place where a stack is shown. */
export function logError(message: string, cause: unknown) {
  write('error', message, { cause: describe(cause) })
}

/** What is wrong around us and not in us: a sentence with what to do, and no stack. */
export function logTrouble(message: string, facts: Facts = {}) {
  write('error', message, facts)
}

/** What an operator asked for on the command line, as plain text on standard output. */
export function print(text: string) {
  console.log(text)
}

/** What is wrong with the command or the config, as plain text on standard error. */
export function complain(text: string) {
  console.error(text)
}

function write(level: LogLevel, message: string, facts: Facts) {
  if (LEVELS.indexOf(level) < LEVELS.indexOf(settings.level)) return
  const time = new Date().toISOString()
  const line =
    settings.format === 'json'
      ? JSON.stringify({ time, level, message, ...facts })
      : textLine({ time, level, message, facts })
  console.error(secrets.reduce((hidden, secret) => hidden.replaceAll(secret, '…'), line))
}

const COLOURS = { info: '\u001b[32m', warn: '\u001b[33m', error: '\u001b[31m' }
const PLAIN = '\u001b[0m'

type Fact = readonly [name: string, value: string]

/** `2026-11-24 19:35:10Z WARN  the message fact=value`, and below it the lines of a stack. */
function textLine(line: {
  readonly time: string
  readonly level: LogLevel
  readonly message: string
  readonly facts: Facts
}): string {
  const time = `${line.time.slice(0, 19).replace('T', ' ')}Z`
  const word = line.level.toUpperCase().padEnd(5)
  const { isColoured } = settings
  const level = isColoured ? `${COLOURS[line.level]}${word}${PLAIN}` : word
  // Bun writes all of an error in red, to a terminal.
  const start = isColoured ? `${PLAIN}${time}` : time
  const facts = flattened(line.facts)
  const isStack = ([name, value]: Fact) => name.startsWith('cause') && value.includes('\n')
  const short = facts.filter((fact) => !isStack(fact))
  const stacks = facts.filter(isStack)
  return [
    [`${start} ${level} ${shown(line.message)}`, ...short.map(pairText)].join(' '),
    ...stacks.flatMap(([name, value]) => `${name}: ${value}`.split('\n').map(shown)),
  ].join('\n    ')
}

/** Facts of facts under the names of both: `cause.stack`. */
function flattened(facts: Facts, above = ''): Fact[] {
  return Object.entries(facts).flatMap(([name, value]): Fact[] => {
    if (typeof value === 'string') return [[`${above}${name}`, value]]
    if (typeof value !== 'object' || value === null) return [[`${above}${name}`, String(value)]]
    return flattened(value as Facts, `${above}${name}.`)
  })
}

/** In quotes, where it would not be seen where it ends. */
const pairText = ([name, value]: Fact): string =>
  `${name}=${/^[\w.:/@#+-]+$/.test(value) ? value : shown(JSON.stringify(value))}`

/** What clients write must not move the cursor of who reads it, nor turn the text around. */
const shown = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (sign) => {
    return `\\u${sign.codePointAt(0)!.toString(16).padStart(4, '0')}`
  })

function describe(cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause
  return cause.cause === undefined
    ? cause.stack
    : { stack: cause.stack, cause: describe(cause.cause) }
}

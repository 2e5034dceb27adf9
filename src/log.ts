/** One line of JSON for each thing worth a line; the only file that writes to the console. */

type Level = 'info' | 'warn' | 'error'

/** As they stand in JSON. */
let secrets: readonly string[] = []

/**
 * Keeps these out of every line from now on, whoever writes it: an error of the runtime may tell
 * the address that it failed at, with the token in it.
 */
export function hideInLog(more: Iterable<string>) {
  const inJson = [...more].map((secret) => JSON.stringify(secret).slice(1, -1))
  // The longest first: one may be a part of another.
  secrets = [...new Set([...secrets, ...inJson])].sort((a, b) => b.length - a.length)
}

function line(level: Level, message: string, facts: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify({ time: new Date().toISOString(), level, message, ...facts })
  return secrets.reduce((hidden, secret) => hidden.replaceAll(secret, '…'), text)
}

export function logInfo(message: string, facts: Readonly<Record<string, unknown>> = {}) {
  console.error(line('info', message, facts))
}

export function logWarning(message: string, facts: Readonly<Record<string, unknown>> = {}) {
  console.error(line('warn', message, facts))
}

/** A failure of ours, with its cause whole: the only place where a stack is shown. */
export function logError(message: string, cause: unknown) {
  console.error(line('error', message, { cause: describe(cause) }))
}

/** What is wrong around us and not in us: a sentence with what to do, and no stack. */
export function logTrouble(message: string, facts: Readonly<Record<string, unknown>> = {}) {
  console.error(line('error', message, facts))
}

/** What an operator asked for on the command line, as plain text on standard output. */
export function print(text: string) {
  console.log(text)
}

/** What is wrong with the command or the config, as plain text on standard error. */
export function complain(text: string) {
  console.error(text)
}

function describe(cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause
  return cause.cause === undefined
    ? cause.stack
    : { stack: cause.stack, cause: describe(cause.cause) }
}

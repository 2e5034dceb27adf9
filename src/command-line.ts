import { parseArgs } from 'node:util'
import { monotonicFactory } from 'ulid'
import { serve, whatItServes } from './app.ts'
import type { Config } from './config/config.ts'
import { ConfigError, loadConfig } from './config/load.ts'
import { nearest, Refusal } from './errors.ts'
import { binding } from './gateway/binding.ts'
import { EXPORT_FORMATS, type ExportFormat } from './http/export.ts'
import { EVERY_RECORD, readTimes } from './http/record-query.ts'
import { exportText } from './http/records.ts'
import { dayOf, dayText } from './ledger/day.ts'
import { dollarsText } from './ledger/money.ts'
import { complain, print, setLog } from './log.ts'
import { type Flags, HELP, OPTIONS } from './options.ts'
import { repricingText, whatToReprice } from './repricing.ts'
import { writeFile } from './runtime/files.ts'
import { isTerminal } from './runtime/own-process.ts'
import {
  commandLine,
  environment,
  exit,
  fileExists,
  NobodyReads,
  readText,
  writeOut,
} from './runtime/runtime.ts'
import { removeLeftSpools } from './runtime/spool.ts'
import { backup } from './store/backup.ts'
import { prune } from './store/prune.ts'
import { readRecords } from './store/reading.ts'
import { reprice } from './store/reprice.ts'
import { explain, UnusableDatabase } from './store/trouble.ts'
import { type Verdict, verify } from './store/verify.ts'
import { VERSION } from './version.ts'

const COMMANDS = {
  serve: runServe,
  check: runCheck,
  verify: runVerify,
  backup: runBackup,
  export: runExport,
  prune: runPrune,
  reprice: runReprice,
}

async function main() {
  const { values, positionals } = parseCommandLine()
  if (values.help) return print(HELP)
  if (values.version) return print(VERSION)
  const [name = 'serve', ...operands] = positionals
  if (!(name in COMMANDS) || (operands.length > 0 && name !== 'backup')) {
    const meant = nearest(name, Object.keys(COMMANDS))
    const hint = meant === null ? '' : ` Did you mean ${meant}?`
    complain(`Unknown command: ${positionals.join(' ')}.${hint} See tollgate --help.`)
    exit(2)
  }
  await COMMANDS[name as keyof typeof COMMANDS](values, operands)
}

function parseCommandLine() {
  const args = commandLine()
  try {
    return parseArgs({ args, allowPositionals: true, options: OPTIONS })
  } catch (error) {
    complain(`${optionMistake(error as Error, args)} See tollgate --help.`)
    return exit(2)
  }
}

/** Node's own sentence for an unknown option talks of positional arguments, which nobody meant. */
function optionMistake(error: Error & { code?: string }, args: string[]): string {
  const names = Object.keys(OPTIONS).map((name) => `--${name}`)
  const given = args.map((word) => word.split('=')[0]!)
  const unknown = given.find((word) => /^-./.test(word) && !['-h', '-v', ...names].includes(word))
  if (error.code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION' || unknown === undefined) return error.message
  const meant = nearest(unknown, names)
  return `Unknown option ${unknown}.${meant === null ? '' : ` Did you mean ${meant}?`}`
}

function configOf({ 'log-format': logFormat, ...flags }: Flags) {
  return loadConfig({ flags: { ...flags, logFormat }, env: environment(), readFile: readText })
}

/** Also for what goes wrong before anything is served. */
function setLogFor({ logFormat, logLevel }: Config['observing']) {
  const isRead = isTerminal()
  const isColoured = isRead && (environment()['NO_COLOR'] ?? '') === ''
  setLog({ format: logFormat ?? (isRead ? 'text' : 'json'), level: logLevel, isColoured })
}

async function runServe(flags: Flags) {
  const config = configOf(flags)
  setLogFor(config.observing)
  removeLeftSpools()
  await serve(config)
}

function runCheck(flags: Flags) {
  print(whatItServes(configOf(flags)))
}

async function runVerify(flags: Flags) {
  const verdict = await verify(databaseOf(flags))
  tellFaults(verdict)
  print(`The books balance: ${summary(verdict)}.`)
}

async function runBackup(flags: Flags, operands: readonly string[]) {
  const [to, ...more] = operands
  if (to === undefined || more.length > 0) {
    complain('backup takes one FILE, where the copy goes. See tollgate --help.')
    return exit(2)
  }
  const from = databaseOf(flags)
  const verdict = await backup({ from, to, force: flags.force ?? false })
  print(`${from} is copied to ${to}: ${summary(verdict)}.`)
  tellFaults(verdict)
}

async function runExport({ from, to, customer, ...flags }: Flags) {
  const format = formatOf(flags)
  const times = { start: from ?? null, end: to ?? null }
  const filter = {
    ...EVERY_RECORD,
    customerId: customer ?? null,
    until: Date.now() + 1,
    ...readTimes(times, { start: '--from', end: '--to' }),
  }
  const { records, close } = await readRecords(databaseOf(flags))
  try {
    for await (const text of exportText(records, filter, { format })) {
      await writeOut(text)
    }
  } catch (error) {
    if (!(error instanceof NobodyReads)) throw error
  } finally {
    close()
  }
}

function formatOf({ format = 'csv' }: Flags): ExportFormat {
  const known = EXPORT_FORMATS.find((name) => name === format)
  if (known !== undefined) return known
  complain(`--format must be ${EXPORT_FORMATS.join(' or ')}, got ${format}.`)
  return exit(2)
}

async function runPrune({ before, archive, ...flags }: Flags) {
  if (before === undefined) {
    complain('prune needs --before DAY, such as 2026-01-01: rows from that day on are kept.')
    return exit(2)
  }
  const format = formatOf(flags)
  const until = readTimes({ start: before, end: null }, { start: '--before', end: '' }).from!
  const path = databaseOf(flags)
  const { budgets } = configOf({ ...flags, db: path })
  const now = Date.now()
  const done = await prune({
    path,
    before: until,
    now,
    periodOf: (findBudget) => binding(budgets, findBudget).periodOf,
    archive: (day) => archived(path, day, { to: archive, format, force: flags.force ?? false }),
  })
  const from = dayText(dayOf(done.before))
  const { heldBackBy } = done
  if (heldBackBy === 'period') {
    print(`A period that still runs has rows since ${from}: they are kept.`)
  } else if (heldBackBy === 'export') {
    print(`Rows since ${from} are still to be exported, as GET /exports says: they are kept.`)
  }
  print(`${count(done.rows, 'ledger row')} pruned; from ${from} on all are there.`)
}

/** Writes the rows that will be pruned to a file, which is whole before any of them goes. */
async function archived(
  path: string,
  before: number,
  about: {
    readonly to: string | undefined
    readonly format: ExportFormat
    readonly force: boolean
  },
) {
  const { to, format, force } = about
  if (to === undefined) return
  if (fileExists(to) && !force) {
    throw new UnusableDatabase(`There is a file at ${to} already: --force replaces it.`)
  }
  const { records, close } = await readRecords(path)
  try {
    await writeFile(to, exportText(records, { ...EVERY_RECORD, until: before }, { format }))
  } finally {
    close()
  }
}

async function runReprice(flags: Flags) {
  const path = databaseOf(flags)
  const makeId = monotonicFactory()
  const now = Date.now()
  const done = await reprice({
    path,
    ...whatToReprice(flags, () => configOf({ ...flags, db: path })),
    now,
    newId: () => makeId(now),
    agreed: (found) => {
      print(repricingText(found))
      return flags.yes ?? false
    },
  })
  if (done.sums.length === 0) return print(repricingText(done))
  if (done.batch === null) return print('Nothing is written yet: --yes does it.')
  const rows = done.sums.reduce((sum, of) => sum + of.rows, 0)
  print(`${count(rows, 'correction')} written. tollgate reprice --undo ${done.batch} undoes them.`)
}

/** Named by itself, it needs no config, nor the keys of upstreams that a config asks for. */
function databaseOf(flags: Flags): string {
  const { db = '' } = flags
  const path = db === '' ? configOf(flags).databasePath : db
  if (fileExists(path)) return path
  complain(`There is no database at ${path}; name one with --db FILE.`)
  return exit(1)
}

function tellFaults(verdict: Verdict) {
  const { faults } = verdict
  if (faults.length === 0) return
  for (const fault of faults) complain(fault)
  complain(`The books do not balance: ${faults.length} found in ${summary(verdict)}.`)
  exit(1)
}

const count = (number: number, what: string) => `${number} ${what}${number === 1 ? '' : 's'}`

const summary = ({ customers, rows, pruned, charged, open }: Verdict) =>
  `${count(customers, 'customer')}, ${count(rows, 'ledger row')}, ` +
  `${pruned === 0 ? '' : `${count(pruned, 'row')} pruned, `}` +
  `${dollarsText(charged)} dollars charged${open === 0 ? '' : `, ${count(open, 'call')} open`}`

const wordsOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** Runs the command that the process was started with, and tells what goes wrong. */
export async function run() {
  try {
    await main()
  } catch (error) {
    if (error instanceof ConfigError) for (const problem of error.problems) complain(problem)
    else if (error instanceof UnusableDatabase || error instanceof Refusal) complain(error.message)
    else complain(explain(error, 'The database') ?? `Tollgate could not go on: ${wordsOf(error)}`)
    exit(1)
  }
}

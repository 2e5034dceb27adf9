import { parseArgs } from 'node:util'
import { serve, whatItServes } from './app.ts'
import { ConfigError, loadConfig } from './config/load.ts'
import { nearest } from './errors.ts'
import { dollarsText } from './ledger/money.ts'
import { complain, print } from './log.ts'
import { commandLine, environment, exit, fileExists, readText } from './runtime/runtime.ts'
import { UnusableDatabase } from './store/schema.ts'
import { verify } from './store/verify.ts'
import { VERSION } from './version.ts'

const HELP = `Tollgate ${VERSION}: an LLM gateway that keeps a tab for every customer.

Usage: tollgate [command] [options]

Commands:
  serve    (default) answer calls until SIGTERM or SIGINT
  check    read the config and print what it would serve, with prices; exit 1 on a mistake
  verify   prove that every customer's spend is the sum of its ledger rows; exit 1 if not

Options:
  --config FILE   LiteLLM's config.yaml; default ./config.yaml if there is one, else a demo model
  --port N        default 4000; 0 takes a free one          (environment: PORT)
  --host H        default 127.0.0.1                         (environment: HOST)
  --db FILE       default ./tollgate.db                     (environment: DATABASE_URL=sqlite:FILE)
  --help, --version

Environment: TOLLGATE_MASTER_KEY or LITELLM_MASTER_KEY, WEBHOOK_URL, WEBHOOK_SECRET.
Flags beat the environment, which beats the file.`

const COMMANDS = { serve: runServe, check: runCheck, verify: runVerify }

type Flags = { config?: string; port?: string; host?: string; db?: string }

async function main() {
  const { values, positionals } = parseCommandLine()
  if (values.help) return print(HELP)
  if (values.version) return print(VERSION)
  const [name = 'serve', ...others] = positionals
  if (!(name in COMMANDS) || others.length > 0) {
    const meant = nearest(name, Object.keys(COMMANDS))
    const hint = meant === null ? '' : ` Did you mean ${meant}?`
    complain(`Unknown command: ${positionals.join(' ')}.${hint} See tollgate --help.`)
    exit(2)
  }
  await COMMANDS[name as keyof typeof COMMANDS](values)
}

const OPTIONS = {
  config: { type: 'string' },
  port: { type: 'string' },
  host: { type: 'string' },
  db: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

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

const configOf = (flags: Flags) => loadConfig({ flags, env: environment(), readFile: readText })

async function runServe(flags: Flags) {
  await serve(configOf(flags))
}

function runCheck(flags: Flags) {
  print(whatItServes(configOf(flags)))
}

async function runVerify(flags: Flags) {
  const { databasePath } = configOf(flags)
  if (!fileExists(databasePath)) {
    complain(`There is no database at ${databasePath}; name one with --db FILE.`)
    exit(1)
  }
  const { customers, rows, charged, faults } = await verify(databasePath)
  for (const fault of faults) complain(fault)
  const sum = dollarsText(charged)
  const looked = `${customers} customers, ${rows} ledger rows, ${sum} dollars charged`
  if (faults.length > 0) {
    complain(`The books do not balance: ${faults.length} found in ${looked}.`)
    exit(1)
  }
  print(`The books balance: ${looked}.`)
}

try {
  await main()
} catch (error) {
  if (error instanceof ConfigError) for (const problem of error.problems) complain(problem)
  else if (error instanceof UnusableDatabase) complain(error.message)
  else complain(`Tollgate could not go on: ${(error as Error).message ?? error}`)
  exit(1)
}

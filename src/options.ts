import { VERSION } from './version.ts'

/** What `--help` prints. */
export const HELP = `Tollgate ${VERSION}: an LLM gateway that keeps a tab for every customer.

Usage: tollgate [command] [options]

Commands:
  serve    (default) answer calls until SIGTERM or SIGINT
  check    read the config and print what it would serve, with prices; exit 1 on a mistake
  verify   prove that the file is whole and that the spend of each customer and key is the sum of
           its ledger rows; exit 1 if not
  backup FILE   copy the database, also beside a live server, and verify the copy
  export   write the ledger to standard output, a line a row, also beside a live server
  prune    remove ledger rows from before a day (--before) whose periods are over, also beside a
           live server; the sums of their days stay, and the books balance as before
  reprice  put right what calls of a model (--model) cost, by the config's present prices and by a
           correcting row for each; shows it, and does it with --yes. The server must be stopped

Options:
  --config FILE   LiteLLM's config.yaml; default ./config.yaml if there is one, else a demo model
  --port N        default 4000; 0 takes a free one          (environment: PORT)
  --host H        default 127.0.0.1                         (environment: HOST)
  --db FILE       default ./tollgate.db                     (environment: DATABASE_URL=sqlite:FILE)
  --log-format F  json or text; default text in a terminal  (environment: LOG_FORMAT)
  --force         lets backup replace a file
  --format F      of an export: csv (default) or jsonl
  --from, --to T  only what settled from this day or time on, and until the end of that one (UTC)
  --before DAY    prune rows that settled before this day (UTC)
  --archive FILE  write what is pruned there first, as export would
  --customer ID   only the rows of this customer
  --model NAME, --deployment ID   reprice only the calls of these
  --reason TEXT   why, kept with what is put right
  --undo BATCH    reprice: put right what an earlier one wrote, by its inverse
  --yes           reprice: do it
  --help, --version

Environment: TOLLGATE_MASTER_KEY or LITELLM_MASTER_KEY, WEBHOOK_URL, WEBHOOK_SECRET, LOG_LEVEL,
OTEL_EXPORTER_OTLP_ENDPOINT (where traces are sent) and OpenTelemetry's other variables for that.
Flags beat the environment, which beats the file.`

/** The options as they are given. */
export type Flags = {
  config?: string
  port?: string
  host?: string
  db?: string
  force?: boolean
  format?: string
  from?: string
  to?: string
  customer?: string
  before?: string
  archive?: string
  model?: string
  deployment?: string
  reason?: string
  undo?: string
  yes?: boolean
  'log-format'?: string
}

/** As `parseArgs` wants them. */
export const OPTIONS = {
  config: { type: 'string' },
  port: { type: 'string' },
  host: { type: 'string' },
  db: { type: 'string' },
  'log-format': { type: 'string' },
  force: { type: 'boolean' },
  format: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  customer: { type: 'string' },
  before: { type: 'string' },
  archive: { type: 'string' },
  model: { type: 'string' },
  deployment: { type: 'string' },
  reason: { type: 'string' },
  undo: { type: 'string' },
  yes: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

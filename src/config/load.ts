import { readBounds } from './bounds.ts'
import { readBudgetRules } from './budgets.ts'
import type { Config } from './config.ts'
import { readCredit } from './credit.ts'
import { demoDeployment, type Patience, readDeployments } from './deployments.ts'
import { readExports } from './exports.ts'
import { readGeneral } from './general.ts'
import { type Flags, readListening } from './listening.ts'
import { readObserving } from './observing.ts'
import { readPortal } from './portal.ts'
import { readDefaultCard } from './rate-card.ts'
import { type Environment, type MapField, Reader, type Variable } from './reader.ts'
import { Report } from './report.ts'
import { checkFallbacks, readRouting } from './routing.ts'
import { checkKeys } from './sections.ts'
import {
  DEFAULT_UPSTREAM_RULES,
  readRetries,
  readSeconds,
  readUpstreamRules,
} from './upstream-rules.ts'
import { readWebhooks } from './webhooks.ts'
import { readYaml } from './yaml.ts'

const DEFAULT_PATH = './config.yaml'

/** LiteLLM's would wait for 6,000; the official OpenAI clients themselves give up after these. */
const DEFAULT_TIMEOUT_MS = 600_000

/** All that is wrong with the settings, told at once: nobody likes mistakes one at a time. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  /** A sentence each, with its place: `config.yaml:12: …`. Those of the file in its order. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** Where the settings come from. Handed in: this folder touches neither disk nor process. */
type Sources = {
  readonly flags: Flags
  readonly env: Readonly<Record<string, string | undefined>>
  /** The text of a file, or null if there is none. May throw when it cannot be read. */
  readonly readFile: (path: string) => string | null
}

/**
 * The settings: flags over environment over file. The file is LiteLLM's `config.yaml`; without one
 * there is a demo model. Throws a `ConfigError` with all mistakes, none of which shows a secret.
 */
export function loadConfig({ flags, env, readFile }: Sources): Config {
  const path = flags.config ?? DEFAULT_PATH
  const report = new Report(path.replace(/^\.\//, ''))
  const text = readConfigFile(path, { readFile, isDemanded: flags.config !== undefined })
  const file = text === null ? null : readFileMap(text, report)
  if (text !== null && file === null) throw new ConfigError(report.problems)

  const reader = new Reader(report, environmentWith(env, file, report))
  const section = (name: 'general_settings' | 'litellm_settings' | 'tollgate_settings') => {
    const map = reader.map(reader.field(file, name))
    if (map !== null) checkKeys(reader, map, name)
    return map
  }
  const general = section('general_settings')
  const litellm = section('litellm_settings')
  const tollgate = section('tollgate_settings')
  const router = reader.map(reader.field(file, 'router_settings'))
  if (router !== null) checkKeys(reader, router, 'router_settings')
  if (file !== null) checkKeys(reader, file, 'file')

  const [ofRouter, ofAll] = [router, litellm].map((map) =>
    readRetries(reader, map, ['num_retries']),
  )
  const dropsParams = reader.flag(reader.field(litellm, 'drop_params')) ?? false
  const patience: Patience = {
    timeoutMs: readSeconds(reader, reader.field(litellm, 'request_timeout')) ?? DEFAULT_TIMEOUT_MS,
    rules: readUpstreamRules(reader, tollgate, {
      byDefault: { ...DEFAULT_UPSTREAM_RULES, dropsParams },
      retries: ofRouter ?? ofAll ?? null,
    }),
  }
  const routing = readRouting(reader, { router, litellm })
  const settings = {
    routing,
    ...readListening(reader, flags, { general, tollgate }),
    ...readBounds(reader, tollgate),
    ...readGeneral(reader, general),
    webhooks: readWebhooks(reader, { general, tollgate }),
    exports: readExports(reader, tollgate),
    budgets: readBudgetRules(reader, { litellm, tollgate }),
    portal: readPortal(reader, tollgate),
    credit: readCredit(reader, tollgate),
    rateCard: readDefaultCard(reader, tollgate),
    observing: readObserving(reader, flags, { tollgate, litellm }),
    deployments:
      file === null ? [demoDeployment(patience)] : readDeployments(reader, file, patience),
  }
  checkFallbacks(reader, routing, settings.deployments)
  if (report.problems.length > 0) throw new ConfigError(report.problems)
  return { ...settings, warnings: report.warnings }
}

function readConfigFile(
  path: string,
  { readFile, isDemanded }: { readFile: Sources['readFile']; isDemanded: boolean },
): string | null {
  let text: string | null
  try {
    text = readFile(path)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigError([`${path} cannot be read: ${reason}`])
  }
  if (text !== null || !isDemanded) return text
  const got = JSON.stringify(path)
  throw new ConfigError([`--config must be the path of a file that is there, got ${got}`])
}

/** Null, with the reason in the report, when the text is not a map of settings. */
function readFileMap(text: string, report: Report): MapField | null {
  const setting = readYaml(text, report)
  if (setting?.kind === 'map') return { name: '', setting, isSecret: false }
  if (report.problems.length === 0) {
    const line = setting?.line ?? 1
    report.problem(line, 'the config must be a map of sections, beginning with model_list')
  }
  return null
}

/**
 * The environment, and what `environment_variables` adds to it. As in LiteLLM a variable that is
 * really set comes first; one that is set to nothing is as good as not set.
 */
function environmentWith(env: Sources['env'], file: MapField | null, report: Report): Environment {
  const real: Environment = (name) => {
    const text = Object.hasOwn(env, name) ? env[name] : undefined
    return text === undefined || text === '' ? null : { text, field: null }
  }
  const reader = new Reader(report, real)
  const map = reader.map(reader.field(file, 'environment_variables'))
  const added = new Map<string, Variable>()
  for (const name of map?.setting.entries.keys() ?? []) {
    const field = reader.field(map, name)
    if (field === null || real(name) !== null) continue
    const { setting } = field
    const isText = setting.kind !== 'scalar' || typeof setting.value === 'string'
    const text = isText ? reader.text({ ...field, isSecret: true }) : String(setting.value)
    if (text !== null) added.set(name, { text, field })
  }
  return (name) => real(name) ?? added.get(name) ?? null
}

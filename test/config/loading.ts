import type { Config } from '../../src/config/config.ts'
import { ConfigError, loadConfig } from '../../src/config/load.ts'

type Circumstances = {
  readonly env?: Record<string, string>
  readonly flags?: { config?: string; port?: string; host?: string; db?: string }
}

/** Loads `text` as ./config.yaml. */
export const load = (text: string, { env = {}, flags = {} }: Circumstances = {}): Config =>
  loadConfig({ flags, env, readFile: (path) => (path === './config.yaml' ? text : null) })

/** Loads without any file. */
export const loadNothing = ({ env = {}, flags = {} }: Circumstances = {}): Config =>
  loadConfig({ flags, env, readFile: () => null })

/** What is wrong with a config; nothing when it loads. */
export function problemsOf(read: () => Config): readonly string[] {
  try {
    read()
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

/** A config with one model, whose `litellm_params` are these lines from line 4 on. */
export const withParams = (...lines: string[]): string =>
  [
    'model_list:',
    '- model_name: m',
    '  litellm_params:',
    ...lines.map((line) => `    ${line}`),
  ].join('\n')

/** A config that is right, from line 3 on with these lines. */
export const withModel = (...lines: string[]): string =>
  ['model_list:', '- {model_name: m, litellm_params: {model: demo/demo}}', ...lines].join('\n')

import type { Report } from './report.ts'
import { type Setting, shownKey } from './yaml.ts'

/** A setting with its name, as messages say it: `general_settings.alerting`. */
export type Field = {
  readonly name: string
  readonly setting: Setting
  /** Not to be shown in any message. */
  readonly isSecret: boolean
}

/** A variable of the environment. */
export type Variable = {
  readonly text: string
  /** Where it stands if `environment_variables` of the file has it; null: it is really set. */
  readonly field: Field | null
}

/** Null when the variable is not set, or empty. */
export type Environment = (name: string) => Variable | null

export type MapField = Field & { readonly setting: Extract<Setting, { kind: 'map' }> }

const SECRET =
  /key|KEY|secret|SECRET|_TOKEN$|_HEADERS$|(?:database|webhook)_url|(?:DATABASE|WEBHOOK)_URL/
export const AN_ADDRESS = 'an address that begins with http:// or https://, without a password'

const NOT_SHOWN = 'something else (not shown)'
const REFERENCE = /os\.environ\/([A-Za-z_]\w*)?/g

const KEY = /^[\x21-\x7e]+$/
const A_KEY = 'a key, which has no spaces and no ends of lines in it'

type Bounds = { readonly min: number; readonly max: number; readonly isWhole?: boolean }

/**
 * Reads settings as what they should be. What is something else goes to the report, with the value
 * and what would be right, and is read as null, which is also what an absent setting is.
 */
export class Reader {
  readonly report: Report
  readonly environment: Environment

  constructor(report: Report, environment: Environment) {
    this.report = report
    this.environment = environment
  }

  /** Null when the key is absent, or there and empty. */
  field(map: MapField | null, key: string): Field | null {
    const setting = map?.setting.entries.get(key)
    if (map === null || setting === undefined) return null
    if (setting.kind === 'scalar' && (setting.value === null || setting.value === '')) return null
    const name = map.name === '' ? shownKey(key) : `${map.name}.${shownKey(key)}`
    return { name, setting, isSecret: map.isSecret || SECRET.test(key) }
  }

  map(field: Field | null): MapField | null {
    if (field === null) return null
    if (field.setting.kind === 'map') return { ...field, setting: field.setting }
    return this.wrong(field, 'a map of keys and values')
  }

  items(field: Field | null, what: string): readonly Field[] {
    if (field === null) return []
    if (field.setting.kind !== 'list') {
      this.wrong(field, what)
      return []
    }
    return field.setting.items.map((setting, index) => {
      return { name: `${field.name}[${index}]`, setting, isSecret: field.isSecret }
    })
  }

  /** Text with every `os.environ/NAME` in it replaced, and not empty. */
  text(field: Field | null): string | null {
    if (field === null) return null
    if (field.setting.kind !== 'scalar') return this.wrong(field, 'text')
    const { value } = field.setting
    if (typeof value !== 'string') return this.wrong(field, 'text; put it in quotes')
    const text = this.#replaced(value, field)
    return text?.trim() === '' ? this.wrong(field, 'text that is not empty') : text
  }

  /** Also takes numbers that are written as text, as those from the environment are. */
  number(field: Field | null, what: string, bounds: Bounds): number | null {
    if (field === null) return null
    if (field.setting.kind !== 'scalar') return this.wrong(field, what)
    const { value } = field.setting
    const written = typeof value === 'string' ? this.#replaced(value, field) : value
    if (written === null) return null
    return numberWithin(written, bounds) ?? this.wrong(field, what)
  }

  flag(field: Field | null): boolean | null {
    if (field === null) return null
    const { setting } = field
    const value = setting.kind === 'scalar' ? setting.value : null
    if (typeof value === 'boolean') return value
    return this.wrong(field, 'true or false')
  }

  /** One of some words. */
  word<Word extends string>(field: Field | null, words: readonly Word[]): Word | null {
    const text = this.text(field)
    if (field === null || text === null) return null
    const word = words.find((known) => known === text.toLowerCase())
    return word ?? this.wrong(field, `one of ${words.join(', ')}`)
  }

  /** An address as `fetch` takes it. */
  url(field: Field | null): string | null {
    const text = this.text(field)
    if (field === null || text === null || isAddress(text)) return text
    return this.wrong(field, AN_ADDRESS)
  }

  /** A key of somebody's. It goes into a header; what spoils one is mostly an end of line. */
  key(field: Field | null): string | null {
    const key = this.text(field)
    return field === null || key === null || KEY.test(key) ? key : this.wrong(field, A_KEY)
  }

  keyFromEnvironment(name: string): string | null {
    const key = this.environment(name)?.text ?? null
    return key === null || KEY.test(key) ? key : this.wrongVariable(name, A_KEY)
  }

  /** The setting as JSON has it, references replaced. Null stays null. */
  json(field: Field): unknown {
    const { setting } = field
    if (setting.kind === 'list') {
      return setting.items.map((item) => this.json({ ...field, setting: item }))
    }
    if (setting.kind === 'map') {
      const { name, isSecret } = field
      const pairs = [...setting.entries].map(([key, value]) => {
        const member = { name: `${name}.${shownKey(key)}`, setting: value, isSecret }
        return [key, this.json(member)] as const
      })
      return Object.fromEntries(pairs)
    }
    const { value } = setting
    if (typeof value === 'string') return this.#replaced(value, field)
    // JSON has no infinities and no NaN; YAML does.
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
  }

  /** Reports that `map` lacks what it cannot be without. */
  missing(map: MapField, key: string, what: string): null {
    this.report.problem(map.setting.line, `${map.name}.${key} is missing; it is ${what}`)
    return null
  }

  /** Reports that `field` is not what it must be, and is null so that readers can return it. */
  wrong(field: Field, mustBe: string): null {
    this.report.problem(field.setting.line, `${field.name} must be ${mustBe}, got ${shown(field)}`)
    return null
  }

  /** The same of a variable of the environment. */
  wrongVariable(name: string, mustBe: string): null {
    const variable = this.environment(name)
    if (variable !== null && variable.field !== null) return this.wrong(variable.field, mustBe)
    const got = SECRET.test(name) ? NOT_SHOWN : shownText(variable?.text ?? '')
    this.report.problem(0, `${name} in the environment must be ${mustBe}, got ${got}`)
    return null
  }

  #replaced(text: string, field: Field): string | null {
    let isComplete = true
    const replaced = text.replaceAll(REFERENCE, (_, name: string | undefined) => {
      const value = name === undefined ? null : this.environment(name)
      if (value !== null) return value.text
      isComplete = false
      const what =
        name === undefined
          ? 'names no variable after os.environ/'
          : `needs the environment variable ${name}, which is not set`
      this.report.problem(field.setting.line, `${field.name} ${what}`)
      return ''
    })
    return isComplete ? replaced : null
  }
}

/** True of what `fetch` takes, which is no address with a user name or a password in it. */
export function isAddress(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null
  return url !== null && /^https?:$/.test(url.protocol) && url.username + url.password === ''
}

/** Null when it is no number, or one outside of the bounds. */
export function numberWithin(written: unknown, { min, max, isWhole }: Bounds): number | null {
  const isNumeral =
    typeof written === 'string' && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(written.trim())
  const value = isNumeral ? Number(written) : written
  if (typeof value !== 'number' || !(value >= min && value <= max)) return null
  return isWhole === true && !Number.isInteger(value) ? null : value
}

/** The value as a message may show it: never a secret, nor what the environment holds. */
export function shown({ setting, isSecret }: Field): string {
  if (setting.kind !== 'scalar') return `a ${setting.kind}`
  const { value } = setting
  if (typeof value !== 'string') return isSecret ? `a ${typeof value}` : String(value)
  const reference = /os\.environ\/\w+/.exec(value)
  if (reference !== null) return `what ${reference[0]} stands for`
  return isSecret ? NOT_SHOWN : shownText(value)
}

/** Text in quotes, shortened, without the parts of an address that may hold a password. */
export function shownText(text: string): string {
  const harmless = text
    .replace(/\/\/[^/\s]*@/, '//')
    .replace(/\?.*/s, '?…')
    .replace(/\b(sk|gsk|xai|pplx)[-_]\S*/gi, '$1-…')
  return JSON.stringify(harmless.length > 60 ? `${harmless.slice(0, 60)}…` : harmless)
}

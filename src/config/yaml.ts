import {
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
} from 'yaml'
import type { Report } from './report.ts'

/** A value of the file with the line it stands on, from 1: that of its key where it has one. */
export type Setting =
  | {
      readonly kind: 'scalar'
      readonly value: string | number | boolean | null
      readonly line: number
    }
  | { readonly kind: 'list'; readonly items: readonly Setting[]; readonly line: number }
  | { readonly kind: 'map'; readonly entries: ReadonlyMap<string, Setting>; readonly line: number }

/** Aliases can make a small file large and a nested one endless; no honest config comes near. */
const SETTINGS_MAX = 100_000
const DEPTH_MAX = 50

/**
 * Sentences in place of the parser's own, where those quote the file: what stands at the place of
 * a syntax error may well be a key.
 */
const SYNTAX: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: 'the * or & here has no name; put text that begins with one in quotes',
  BAD_DIRECTIVE: 'a line that begins with % is a YAML directive; put text in quotes',
  BAD_SCALAR_START: 'text cannot begin with this character; put it in quotes',
  MULTIPLE_DOCS: 'a second document begins here; the config is one document, without ---',
  NON_STRING_KEY: 'a key must be text',
  RESOURCE_EXHAUSTION: 'this is nested too deeply',
  TAB_AS_INDENT: 'a tab stands in the indentation; use spaces',
  TAG_RESOLVE_FAILED:
    'a tag (!) that does not fit its value; put text that begins with ! in quotes',
  UNEXPECTED_TOKEN: 'this is not valid YAML; look for a missing quote, bracket or colon',
}

/**
 * The settings in `text`, which is YAML 1.2 with merge keys, or JSON. Null when there are none, or
 * when the syntax is wrong; what is wrong goes to `report`.
 */
export function readYaml(text: string, report: Report): Setting | null {
  const lines = new LineCounter()
  const options = { lineCounter: lines, prettyErrors: false, logLevel: 'error' } as const
  const document = parseDocument(text, options)
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line)

  let isReadable = true
  let lastLine = 0
  for (const { code, message, pos } of document.errors) {
    const line = lineAt(pos[0])
    if (code === 'DUPLICATE_KEY') {
      const key = /^["']?([^\s"':,{}]*)/.exec(text.slice(pos[0]))?.[1] ?? ''
      report.problem(line, `${shownKey(key)} is there twice; keep one of the two`)
      continue
    }
    isReadable = false
    // One slip makes the parser stumble several times; only the first on a line tells something.
    if (line !== lastLine) report.problem(line, SYNTAX[code] ?? message)
    lastLine = line
  }
  return isReadable ? new Walk(document, lineAt, report).setting(document.contents, 1, 0) : null
}

/** A key as messages may show it: not when it is odd, or looks like a secret out of place. */
export function shownKey(key: string): string {
  const isHarmless = /^[\w.<>-]{1,64}$/.test(key) && !/^(sk|gsk|xai|pplx)[-_]/i.test(key)
  return isHarmless ? key : '(a key not shown)'
}

/** Turns the parser's nodes into settings, with what aliases and merge keys stand for. */
class Walk {
  readonly #document: Document.Parsed
  readonly #lineAt: (offset: number) => number
  readonly #report: Report
  #count = 0

  constructor(document: Document.Parsed, lineAt: (offset: number) => number, report: Report) {
    this.#document = document
    this.#lineAt = lineAt
    this.#report = report
  }

  /** `line` is that of the key or item, for what has no place of its own: an alias, an absence. */
  setting(node: unknown, line: number, depth: number): Setting | null {
    this.#count += 1
    if (depth > DEPTH_MAX || this.#count > SETTINGS_MAX) {
      const much = depth > DEPTH_MAX ? `${DEPTH_MAX} levels` : `${SETTINGS_MAX} values`
      if (this.#count < Number.POSITIVE_INFINITY) {
        this.#report.problem(line, `there is too much here; at most ${much}, aliases counted`)
      }
      // Said once, and nothing further is expanded.
      this.#count = Number.POSITIVE_INFINITY
      return null
    }
    if (isAlias(node)) {
      const target = node.resolve(this.#document)
      if (target !== undefined) return this.setting(target, line, depth + 1)
      this.#report.problem(line, 'a * refers to no anchor; put text that begins with * in quotes')
      return null
    }
    if (isMap(node)) return { kind: 'map', entries: this.#entries(node.items, line, depth), line }
    if (isSeq(node)) {
      const items = node.items.map((item) => this.setting(item, this.#line(item, line), depth + 1))
      return { kind: 'list', items: items.filter((item) => item !== null), line }
    }
    return { kind: 'scalar', value: isScalar(node) ? plain(node.value) : null, line }
  }

  #line(node: unknown, otherwise: number): number {
    const start = (node as { range?: [number, number, number] | null } | null)?.range?.[0]
    return start === undefined ? otherwise : this.#lineAt(start)
  }

  #entries(pairs: readonly Pair[], line: number, depth: number): Map<string, Setting> {
    const entries = new Map<string, Setting>()
    const merged: Setting[] = []
    for (const { key, value } of pairs) {
      const keyLine = this.#line(key, line)
      const name = isScalar(key) ? plain(key.value) : null
      if (name === null) {
        this.#report.problem(keyLine, 'a key must be text')
        continue
      }
      const setting = this.setting(value, keyLine, depth + 1)
      if (setting === null) continue
      if (name === '<<') merged.push(setting)
      else if (!entries.has(String(name))) entries.set(String(name), setting)
    }
    for (const setting of merged) this.#merge(setting, entries)
    return entries
  }

  /** YAML 1.1's merge key, which LiteLLM's configs use: https://yaml.org/type/merge.html */
  #merge(setting: Setting, entries: Map<string, Setting>) {
    if (setting.kind === 'list') {
      for (const item of setting.items) this.#merge(item, entries)
    } else if (setting.kind === 'map') {
      for (const [key, value] of setting.entries) if (!entries.has(key)) entries.set(key, value)
    } else {
      this.#report.problem(setting.line, '<< must be followed by an alias of a map, such as *base')
    }
  }
}

/** The parser also makes bigints and, of tagged text, other things; here they are what they say. */
function plain(value: unknown): string | number | boolean | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'number' || typeof value === 'boolean') return value
  return String(value)
}

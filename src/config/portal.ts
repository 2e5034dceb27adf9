import type { MapField, Reader } from './reader.ts'
import { checkKeys } from './sections.ts'

/** The page that a customer's link opens: whose it is, and who may show it inside of a page. */
export type Portal = {
  /** The operator's name, as customers know it. */
  readonly name: string
  /** `#rrggbb`, lower case. */
  readonly accent: string
  /** Origins whose pages may hold it in a frame, as browsers write them. */
  readonly origins: readonly string[]
  /** What links begin with, without a slash at the end. Null: as the request for one came. */
  readonly url: string | null
}

export const DEFAULT_PORTAL: Portal = {
  name: 'Tollgate',
  accent: '#0b6e5b',
  origins: [],
  url: null,
}

const NAME_LENGTH_MAX = 60
const COLOUR = /^#[0-9a-f]{6}$/i
const A_COLOUR = "a colour as '#rrggbb', in quotes, such as '#0b6e5b'"
/** Nothing else may come into the header that lists them. */
const ORIGIN = /^https?:\/\/[a-z0-9.-]+(:\d+)?$/
const AN_ORIGIN =
  'an origin: http:// or https://, a host and perhaps a port, such as https://app.example.com'

/** `tollgate_settings.portal`. */
export function readPortal(reader: Reader, tollgate: MapField | null): Portal {
  const map = reader.map(reader.field(tollgate, 'portal'))
  if (map === null) return DEFAULT_PORTAL
  checkKeys(reader, map, 'portal')
  return {
    name: readName(reader, map) ?? DEFAULT_PORTAL.name,
    accent: readAccent(reader, map) ?? DEFAULT_PORTAL.accent,
    origins: readOrigins(reader, map),
    url: readBase(reader, map),
  }
}

function readName(reader: Reader, map: MapField): string | null {
  const field = reader.field(map, 'name')
  const name = reader.text(field)
  if (field === null || name === null) return null
  if (name.length <= NAME_LENGTH_MAX && !/[\p{Cc}\p{Cs}]/u.test(name)) return name
  return reader.wrong(field, `a name of at most ${NAME_LENGTH_MAX} characters, in one line`)
}

function readAccent(reader: Reader, map: MapField): string | null {
  const field = reader.field(map, 'accent')
  const setting = map.setting.entries.get('accent')
  if (field === null && setting !== undefined) {
    const what = 'is empty: a # begins a comment, so a colour needs quotes'
    reader.report.problem(setting.line, `${map.name}.accent ${what}, such as '#0b6e5b'`)
  }
  const colour = reader.text(field)
  if (field === null || colour === null) return null
  return COLOUR.test(colour) ? colour.toLowerCase() : reader.wrong(field, A_COLOUR)
}

function readOrigins(reader: Reader, map: MapField): string[] {
  const list = reader.field(map, 'origins')
  const origins = reader
    .items(list, 'a list of origins, such as [https://app.example.com]')
    .flatMap((field) => {
      const text = reader.text(field)
      if (text === null) return []
      const origin = originOf(text)
      if (origin === null) reader.wrong(field, AN_ORIGIN)
      return origin ?? []
    })
  return [...new Set(origins)]
}

/** Null when there is more to the address than its origin. */
function originOf(text: string): string | null {
  if (!URL.canParse(text)) return null
  const { href, origin } = new URL(text)
  return ORIGIN.test(origin) && href === `${origin}/` ? origin : null
}

function readBase(reader: Reader, map: MapField): string | null {
  const field = reader.field(map, 'url')
  const url = reader.url(field)
  if (field === null || url === null) return null
  const { origin, pathname, search, hash } = new URL(url)
  if (search + hash !== '') {
    return reader.wrong(field, 'an address without a ? or a #, such as https://llm.example.com')
  }
  return `${origin}${pathname}`.replace(/\/+$/, '')
}

/** The operator's colour, so that whatever is written on it or in it can be read. */

/** What text must have against what it stands on: AA of WCAG 2.2, 1.4.3. */
const CONTRAST_MIN = 4.5

/** `--sunken` of `ui/base.css`: of what colours stand on there, the nearest to them. */
const GROUND = { light: '#eef0f2', dark: '#22272c' } as const

const STEPS = 100

/**
 * The style that puts an accent, `#rrggbb`, on the page. `--brand` is the colour itself, with black
 * or white on it; `--accent`, which is also a colour of text, is darkened for a light page and
 * lightened for a dark one as far as it must be.
 */
export function themeStyle(accent: string): string {
  const light = readableOn(GROUND.light, accent, '#000000')
  const dark = readableOn(GROUND.dark, accent, '#ffffff')
  const shade = (colour: string) => `--accent: ${colour}; --on-accent: ${textOn(colour)};`
  return `:root { --brand: ${accent}; --on-brand: ${textOn(accent)}; ${shade(light)} }
@media (prefers-color-scheme: dark) { :root { ${shade(dark)} } }
:root[data-theme="light"] { ${shade(light)} }
:root[data-theme="dark"] { ${shade(dark)} }
`
}

/** Black or white, whichever is better read: of the two one always has 4.58 or more. */
const textOn = (ground: string): string =>
  contrast('#ffffff', ground) >= contrast('#000000', ground) ? '#ffffff' : '#000000'

function readableOn(ground: string, colour: string, towards: string): string {
  for (let step = 0; step < STEPS; step++) {
    const mixed = mix(colour, towards, step / STEPS)
    if (contrast(mixed, ground) >= CONTRAST_MIN) return mixed
  }
  return towards
}

/** https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
export function contrast(one: string, other: string): number {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (lighter! + 0.05) / (darker! + 0.05)
}

/** https://www.w3.org/TR/WCAG22/#dfn-relative-luminance */
function luminance(colour: string): number {
  const [red, green, blue] = channels(colour).map((channel) => {
    const share = channel / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
}

function mix(colour: string, towards: string, share: number): string {
  const ends = channels(towards)
  const mixed = channels(colour).map((channel, index) =>
    Math.round(channel + (ends[index]! - channel) * share),
  )
  return `#${mixed.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`
}

const channels = (colour: string): number[] =>
  [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))

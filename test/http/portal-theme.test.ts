import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { contrast, themeStyle } from '../../src/http/portal-theme.ts'

const AA = 4.5
const base = readFileSync(join(import.meta.dir, '../../src/ui/base.css'), 'utf8')

/** A colour of the page as base.css has it: for light, and for dark. */
function groundOf(name: string): readonly [light: string, dark: string] {
  const [, light, dark] = new RegExp(`--${name}: light-dark\\((#\\w+), (#\\w+)\\)`).exec(base)!
  return [light!, dark!]
}

const colour = fc
  .integer({ min: 0, max: 0xffffff })
  .map((number) => `#${number.toString(16).padStart(6, '0')}`)

test('whatever the accent, text on it and text in it can be read, in light and in dark', () => {
  fc.assert(
    fc.property(colour, (accent) => {
      const style = themeStyle(accent)
      const one = (name: string) => new RegExp(`--${name}: (#\\w+);`).exec(style)![1]!
      expect(one('brand')).toBe(accent)
      expect(contrast(one('on-brand'), accent)).toBeGreaterThanOrEqual(AA)
      // By the system's theme, and by one that was chosen.
      const shades = [...style.matchAll(/--accent: (#\w+); --on-accent: (#\w+);/g)]
      expect(shades).toHaveLength(4)
      for (const [index, [, shade, text]] of shades.entries()) {
        expect(contrast(text!, shade!)).toBeGreaterThanOrEqual(AA)
        for (const name of ['page', 'surface', 'sunken']) {
          expect(contrast(shade!, groundOf(name)[index % 2]!)).toBeGreaterThanOrEqual(AA)
        }
      }
    }),
  )
})

test('contrast is as WCAG has it', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21)
  expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.478, 3)
})

test('an accent that can be read as it is stays as it is', () => {
  expect(themeStyle('#0b6e5b')).toContain('--accent: #0b6e5b; --on-accent: #ffffff;')
})

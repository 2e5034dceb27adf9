import { expect, test } from 'bun:test'
import { load, problemsOf, withModel } from './loading.ts'

const settings = (line: string) => withModel(`tollgate_settings: {${line}}`)

test.each([
  ['{}', 'process'],
  ['durability: process', 'process'],
  ['durability: Power', 'power'],
])('tollgate_settings: %s is durability %s', (line, durability) => {
  const config = load(line === '{}' ? withModel() : settings(line))
  expect(config.durability as string).toBe(durability)
  expect(config.warnings).toEqual([])
})

test('another word for durability is a mistake that names the right ones', () => {
  expect(problemsOf(() => load(settings('durability: full')))).toEqual([
    'config.yaml:3: tollgate_settings.durability must be one of process, power, got "full"',
  ])
})

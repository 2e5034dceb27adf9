import { expect, test } from 'bun:test'
import { served } from '../../src/config/served.ts'
import { load, withModel } from './loading.ts'

const config = (price: string) =>
  `model_list:\n  - {model_name: m, litellm_params: {model: openai/m, api_key: k, ${price}}}\n`

test.each([
  ['output_cost_per_image: 0.04', '$0.04 for one picture, by config'],
  ['input_cost_per_pixel: 2e-8', '$0.00000002 for one pixel, by config'],
  ['input_cost_per_second: 0.0001', '$0.0001 for one second, by config'],
  ['input_cost_per_character: 0.000015', '$0.000015 for one character, by config'],
])('%s may stand alone, and `check` says so', (price, text) => {
  const loaded = load(config(price))
  expect(loaded.warnings).toEqual([])
  const shown = served(loaded, (deployment) => deployment.price)
  expect(shown).toContain(text)
  expect(shown).not.toContain('a million')
})

test('a price of a picture that is none is told as that', () => {
  expect(() => load(config('output_cost_per_image: lots'))).toThrow('dollars for one picture')
  expect(() => load(config('input_cost_per_second: -1'))).toThrow('dollars for one second')
})

test('max_uploads_mb has room for one at least', () => {
  const settings = '\ntollgate_settings: {max_upload_mb: 50, max_uploads_mb: 49}'
  expect(() => load(withModel() + settings)).toThrow('max_uploads_mb')
})

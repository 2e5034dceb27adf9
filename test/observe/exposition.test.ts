import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { exposed, type Family, gauge } from '../../src/observe/exposition.ts'
import { Histogram } from '../../src/observe/histogram.ts'
import { metricsOf, parseMetrics } from '../support/metrics.ts'

const family = (labels: Record<string, string>, value: number | string = 1): Family => ({
  name: 'tollgate_x',
  help: 'What it is.',
  type: 'counter',
  samples: [{ labels, value }],
})

describe('the text format', () => {
  test('is what Prometheus documents', () => {
    const labels = { path: 'C:\\DIR', error: 'Cannot find "FILE"\nat all' }
    expect(exposed([family(labels, 1.5), gauge('up', 'One\nor \\ none.', 0)])).toBe(
      '# HELP tollgate_x What it is.\n' +
        '# TYPE tollgate_x counter\n' +
        'tollgate_x{path="C:\\\\DIR",error="Cannot find \\"FILE\\"\\nat all"} 1.5\n' +
        '# HELP up One\\nor \\\\ none.\n' +
        '# TYPE up gauge\n' +
        'up 0\n',
    )
  })

  test('a family without a number is not told of', () => {
    expect(exposed([{ ...family({}), samples: [] }])).toBe('')
  })

  const unit = fc.oneof(fc.constantFrom('\\', '"', '\n', '\r', ',', '}', '{', '='), fc.string())
  const anyText = fc.array(unit).map((parts) => parts.join(''))

  test('any value of a label is read as it was', () => {
    fc.assert(
      fc.property(anyText, anyText, (model, reason) => {
        const [metric] = parseMetrics(exposed([family({ model, reason })]))
        const given = Object.entries({ model, reason }).filter(([, value]) => value !== '')
        expect(metric!.labels).toEqual(Object.fromEntries(given))
      }),
    )
  })

  test('any number is read as it was', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const [metric] = parseMetrics(exposed([family({}, value)]))
        expect(
          metric!.value === value || (Number.isNaN(value) && Number.isNaN(metric!.value)),
        ).toBe(true)
      }),
    )
  })
})

describe('a histogram', () => {
  test('counts in each bucket what is no more than its bound', () => {
    const bounds = fc.uniqueArray(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1 })
    const seconds = fc.array(fc.double({ min: 0, max: 200, noNaN: true }), { minLength: 1 })
    fc.assert(
      fc.property(bounds, seconds, (unsorted, observed) => {
        const sorted = [...unsorted].sort((a, b) => a - b)
        const histogram = new Histogram(sorted)
        // A bound itself belongs below it.
        const all = [...observed, ...sorted]
        for (const value of all) histogram.observe(value)
        const samples = histogram.samples({ model: 'm' })
        const metrics = parseMetrics(exposed([{ name: 'x', help: '', type: 'histogram', samples }]))
        for (const { labels, value } of metricsOf(metrics, 'x_bucket')) {
          const bound = Number(labels['le']!.replace('Inf', 'Infinity'))
          expect(value).toBe(all.filter((second) => second <= bound).length)
        }
        expect(metricsOf(metrics, 'x_bucket').at(-1)!.labels).toEqual({ model: 'm', le: '+Inf' })
        expect(metricsOf(metrics, 'x_count')[0]!.value).toBe(all.length)
        expect(metricsOf(metrics, 'x_sum')[0]!.value).toBeCloseTo(
          all.reduce((sum, second) => sum + second, 0),
        )
      }),
    )
  })

  test('that has observed nothing is not told of', () => {
    expect(new Histogram([1]).samples({})).toEqual([])
  })
})

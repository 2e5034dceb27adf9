import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import { axisMoney, bucket, exactMoney, money } from './format.ts'
import type { Metrics } from './live.ts'
import { Money } from './parts.tsx'

/** `GET /spend/series`. */
export type Series = {
  readonly step: 'day' | 'hour'
  readonly by: 'none' | 'model' | 'customer'
  readonly total: Metrics
  readonly series: readonly {
    /** Null: all the others together. Empty: calls without a customer, or what is of no model. */
    readonly name: string | null
    readonly alias?: string | null
    readonly total: Metrics
    readonly points: readonly (Metrics & { readonly at: string })[]
  }[]
}

/** As much of it as a chart shows. */
export type Charted = {
  /** Says what one without a name is. */
  readonly by?: Series['by']
  readonly step: Series['step']
  readonly series: readonly {
    readonly name: string | null
    readonly alias?: string | null
    readonly total: { readonly spend: number }
    readonly points: readonly { readonly at: string; readonly spend: number }[]
  }[]
}

const HEIGHT = 240
/** As many as `--series-…` there are in the style; the others have the last. */
export const COLOURS = 8

export function seriesName(name: string | null, by: Series['by'] = 'none'): string {
  if (name === null) return 'all others'
  const nameless = by === 'model' ? 'corrections' : 'no customer'
  return name === '' ? nameless : name
}

const colourName = (index: number, name: string | null) =>
  name === null ? 'series-other' : `series-${(index % COLOURS) + 1}`

/**
 * Spend over time as stacked bars, with a legend that tells each part's sum, what the bar under the
 * pointer is made of, and all of it as a table for who does not see the picture.
 */
export function SpendChart({ of, label }: { readonly of: Charted; readonly label: string }) {
  const host = useRef<HTMLDivElement>(null)
  const [at, setAt] = useState<number | null>(null)
  const stacked = useMemo(() => stack(of), [of])
  useEffect(() => {
    const element = host.current!
    const draw = () => plotIn(element, { of, stacked, onPoint: setAt })
    let plot = draw()
    const redraw = () => {
      plot.destroy()
      plot = draw()
    }
    const fit = new ResizeObserver(() =>
      plot.setSize({ width: element.clientWidth, height: HEIGHT }),
    )
    fit.observe(element)
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', redraw)
    addEventListener('themechange', redraw)
    return () => {
      fit.disconnect()
      dark.removeEventListener('change', redraw)
      removeEventListener('themechange', redraw)
      plot.destroy()
    }
  }, [of, stacked])

  const times = of.series[0]?.points.map((point) => point.at) ?? []
  const pointed = at === null ? undefined : times[at]
  return (
    <figure class="chart">
      <div ref={host} class="plot" style={{ height: `${HEIGHT}px` }} aria-hidden="true" />
      <figcaption class="legend">
        <span class="muted">
          {pointed === undefined ? label : `${bucket(pointed, of.step)}${zone(of.step)}`}
        </span>
        {of.series.map(({ name, alias, total, points }, index) => (
          <span key={name} class="entry">
            <i class={colourName(index, name)} />
            {alias ?? seriesName(name, of.by)}{' '}
            <Money of={at === null ? total.spend : (points[at]?.spend ?? 0)} />
          </span>
        ))}
      </figcaption>
      <details>
        <summary>As a table</summary>
        <SeriesTable of={of} label={label} />
      </details>
    </figure>
  )
}

const zone = (step: Series['step']) => (step === 'day' ? ' (UTC)' : '')

function SeriesTable({ of, label }: { readonly of: Charted; readonly label: string }) {
  const points = of.series[0]?.points ?? []
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard.
    <section class="table scrolls" tabIndex={0} aria-label={label}>
      <table aria-label={label}>
        <thead>
          <tr>
            <th scope="col">{of.step === 'day' ? 'Day (UTC)' : 'Hour'}</th>
            {of.series.map(({ name }) => (
              <th key={name} scope="col" class="right">
                {seriesName(name, of.by)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {points.map((point, index) => (
            <tr key={point.at}>
              <th scope="row">{bucket(point.at, of.step)}</th>
              {of.series.map(({ name, points: own }) => (
                <td key={name} class="right" title={exactMoney(own[index]!.spend)}>
                  {money(own[index]!.spend)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** The first series at the bottom, each other on top of those before it; drawn from the top one. */
function stack({ series }: Charted): number[][] {
  const sums = (series[0]?.points ?? []).map(() => 0)
  return series.map(({ points }) =>
    points.map(({ spend }, index) => {
      sums[index] = sums[index]! + spend
      return sums[index]!
    }),
  )
}

const DAY_SECONDS = 86_400

/** Days of UTC: uPlot goes by the viewer's clock, and is a day off where that was just changed. */
const DAYS: uPlot.Axis = {
  size: 32,
  space: 64,
  splits: (_, __, least, most, increment) => {
    const step = Math.ceil(increment / DAY_SECONDS) * DAY_SECONDS
    const first = Math.ceil(least / DAY_SECONDS) * DAY_SECONDS
    const count = Math.max(0, Math.floor((most - first) / step) + 1)
    return Array.from({ length: count }, (_, index) => first + index * step)
  },
  values: (_, splits) => splits.map((at) => bucket(at * 1000, 'day')),
}

const BAR_SHARE = 0.8
const BAR_WIDTH_MAX = 60

function plotIn(
  element: HTMLElement,
  about: {
    readonly of: Charted
    readonly stacked: readonly number[][]
    readonly onPoint: (index: number | null) => void
  },
): uPlot {
  const { of, stacked, onPoint } = about
  const [text, line] = [colourOf(element, 'muted'), colourOf(element, 'line')]
  const times = (of.series[0]?.points ?? []).map(({ at }) => new Date(at).getTime() / 1000)
  const half = (of.step === 'day' ? 86_400 : 3_600) / 2
  const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { show: false } }
  const bars = uPlot.paths.bars!({ size: [BAR_SHARE, BAR_WIDTH_MAX] })
  const drawn = of.series.map(({ name }, index) => ({
    paths: bars,
    points: { show: false },
    fill: colourOf(element, colourName(index, name)),
    width: 0,
  }))
  return new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        // Half a bar on either side, or the first and the last are cut.
        x: { range: (_, least, most) => [least - half, most + half] },
        y: { range: (_, __, most) => [0, most > 0 ? most * 1.05 : 1] },
      },
      axes: [
        { ...axis, grid: { show: false }, ...(of.step === 'day' && DAYS) },
        { ...axis, size: 64, values: (_, values) => values.map(axisMoney) },
      ],
      series: [{}, ...drawn.reverse()],
      hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
    },
    [times, ...[...stacked].reverse()],
    element,
  )
}

/** A colour of the style as it is now, in light or in dark: a canvas knows no variables. */
function colourOf(element: HTMLElement, name: string): string {
  const probe = document.createElement('i')
  probe.className = `probe ${name}`
  element.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

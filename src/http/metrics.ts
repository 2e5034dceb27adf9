import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { operation } from './operation.ts'

/** A number that goes up and down, under a name and with a help text for Prometheus. */
export type Gauge = { readonly name: string; readonly help: string; readonly value: number }

export type MetricParts = { gauges(): readonly Gauge[] }

/** What an operator's monitoring reads: https://prometheus.io/docs/instrumenting/exposition_formats/ */
export const metricRoutes = ({ gauges }: MetricParts) =>
  new Elysia({ normalize: false }).get(
    '/metrics',
    () =>
      new Response(gauges().map(exposed).join(''), { headers: { 'content-type': CONTENT_TYPE } }),
    {
      detail: operation({
        tag: 'Health',
        summary: 'Gauges for Prometheus',
        description:
          'Calls in flight, and what is held for them: all are 0 when there are none. Calls that ' +
          'are read on for a client that has left (`on_disconnect: drain`) are counted apart too.',
        answer: {
          description: 'The gauges.',
          schema: Type.String({ examples: ['tollgate_held_reservations 0'] }),
          contentTypes: ['text/plain'],
        },
      }),
    },
  )

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const exposed = ({ name, help, value }: Gauge): string =>
  `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name} ${value}\n`

import { Elysia } from 'elysia'
import * as Type from 'typebox'
import { operation } from './operation.ts'

export type MetricParts = {
  /** In Prometheus's text format, version 0.0.4. */
  metrics(): string
}

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** What an operator's monitoring reads: https://prometheus.io/docs/instrumenting/exposition_formats/ */
export const metricRoutes = ({ metrics }: MetricParts) =>
  new Elysia({ normalize: false }).get(
    '/metrics',
    () => new Response(metrics(), { headers: { 'content-type': CONTENT_TYPE } }),
    {
      detail: operation({
        tag: 'Health',
        summary: 'Metrics for Prometheus',
        description:
          'Counters since the start of the process: calls, answers by status, refusals, tokens, ' +
          'cost and charge, each by model, with histograms of the time that calls took; and what ' +
          'is so at the moment: calls in flight, the money held for them, what waits to be ' +
          'written or delivered. A `read_only` key may read it. Customers are told apart only ' +
          'with `metrics_by_customer`.',
        answer: {
          description: 'The metrics.',
          schema: Type.String({ examples: ['tollgate_held_reservations 0'] }),
          contentTypes: ['text/plain'],
        },
      }),
    },
  )

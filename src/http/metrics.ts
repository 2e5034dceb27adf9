import { Elysia } from 'elysia'
import * as Type from 'typebox'
import type { Nanos } from '../ledger/money.ts'
import { toDollars } from '../ledger/money.ts'
import { operation } from './operation.ts'

export type MetricParts = {
  /** Reservations of all customers, and the money in them. */
  heldInAll(): { readonly count: number; readonly money: Nanos }
}

/** What an operator's monitoring reads: https://prometheus.io/docs/instrumenting/exposition_formats/ */
export const metricRoutes = ({ heldInAll }: MetricParts) =>
  new Elysia({ normalize: false }).get(
    '/metrics',
    () => {
      const { count, money } = heldInAll()
      const text = [
        ...gauge('tollgate_held_reservations', 'Calls in flight that money is held for.', count),
        ...gauge('tollgate_held_dollars', 'Dollars held for calls in flight.', toDollars(money)),
      ].join('\n')
      return new Response(`${text}\n`, { headers: { 'content-type': CONTENT_TYPE } })
    },
    {
      detail: operation({
        tag: 'Health',
        summary: 'Gauges for Prometheus',
        description: 'What is held for calls in flight; both are 0 when there are none.',
        answer: {
          description: 'The gauges.',
          schema: Type.String({ examples: ['tollgate_held_reservations 0'] }),
          contentTypes: ['text/plain'],
        },
      }),
    },
  )

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const gauge = (name: string, help: string, value: number): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} gauge`,
  `${name} ${value}`,
]

import { exactCount, exactMoney, exactTime, plural } from '../format.ts'
import { type Column, Table } from '../table.tsx'

/** One of `GET /spend/logs`, as far as pages show it. */
export type LedgerRow = {
  readonly request_id: string
  readonly end_user: string
  readonly model: string
  readonly model_id: string
  readonly custom_llm_provider: string
  readonly api_key: string
  readonly metadata: { readonly user_api_key_alias: string | null }
  readonly outcome: string
  readonly usage_source: string
  readonly startTime: string
  readonly endTime: string
  readonly request_duration_ms: number
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly cost: number
  readonly charge: number
  /** On the customer's budget. */
  readonly counted: number
  /** Of the rate card that made the charge; null: none did. */
  readonly rate_card_version: number | null
  /** What the card's allowance took off. */
  readonly free_tokens: number
  readonly free_spend: number
  /** Counts by kind. */
  readonly usage: Readonly<Record<string, number>>
  /** As they were when it settled; null: there were none. */
  readonly prices: Prices | null
}

/** Nano-dollars a million, by kind. */
type Rates = Readonly<Record<string, number>>
type Prices = {
  readonly rates: Rates
  readonly tiers?: readonly { readonly inputTokensAbove: number; readonly rates: Rates }[]
  readonly source: string
}

const SOURCES: Readonly<Record<string, string>> = {
  upstream: 'the upstream',
  drained: 'the upstream, after the client had hung up',
  estimated: 'Tollgate: the upstream did not say',
  none: 'nobody: nothing was used',
}

/** Everything that the ledger knows of a row: it explains its charge. */
export function RowDetail({ of }: { readonly of: LedgerRow }) {
  const isCorrection = of.outcome === 'correction'
  return (
    <div class="stack">
      <dl class="keyed">
        <dt>{isCorrection ? 'Id' : 'Call id'}</dt>
        <dd>
          <code>{of.request_id}</code>
        </dd>
        {!isCorrection && (
          <>
            <dt>Deployment</dt>
            <dd>
              {of.model_id || 'none was reached'}
              {of.custom_llm_provider !== '' && ` (${of.custom_llm_provider})`}
            </dd>
            <dt>Key</dt>
            <dd>{of.metadata.user_api_key_alias ?? of.api_key}</dd>
            <dt>Began</dt>
            <dd>{exactTime(of.startTime)}</dd>
          </>
        )}
        <dt>Settled</dt>
        <dd>
          {exactTime(of.endTime)}
          {!isCorrection && ` (after ${exactCount(of.request_duration_ms)} ms)`}
        </dd>
        {!isCorrection && (
          <>
            <dt>Counted by</dt>
            <dd>{SOURCES[of.usage_source] ?? of.usage_source}</dd>
          </>
        )}
        <dt>Cost</dt>
        <dd>{exactMoney(of.cost)} asked by the upstream</dd>
        <dt>Charge</dt>
        <dd>{exactMoney(of.charge)} on the customer's tab</dd>
        <dt>Counted</dt>
        <dd>{exactMoney(of.counted)} on its budget</dd>
        <dt>Rate card</dt>
        <dd>
          {of.rate_card_version === null
            ? 'none: charged what it cost'
            : `version ${of.rate_card_version}`}
          {freeWords(of)}
        </dd>
      </dl>
      {!isCorrection && <UsageTable of={of} />}
    </div>
  )
}

/** What of a charge was free. */
function freeWords({ free_tokens: tokens, free_spend: dollars }: LedgerRow): string {
  const words = [
    ...(tokens > 0 ? [`${plural(tokens, 'token')}`] : []),
    ...(dollars > 0 ? [exactMoney(dollars)] : []),
  ]
  return words.length === 0 ? '' : `; ${words.join(' and ')} of it free`
}

type Used = { readonly kind: string; readonly count: number; readonly rate: number | null }

function UsageTable({ of }: { readonly of: LedgerRow }) {
  const rates = of.prices === null ? null : ratesFor(of.prices, of.prompt_tokens)
  const used = Object.entries(of.usage).filter(([, count]) => count > 0)
  if (used.length === 0) return <p class="muted">Nothing was used.</p>
  const rows = used.map(([kind, count]) => ({
    kind,
    count,
    rate: rates?.[camelCase(kind)] ?? null,
  }))
  return (
    <>
      <Table label="Usage" columns={COLUMNS} rows={rows} keyOf={({ kind }) => kind} />
      <p class="hint">
        {of.prices === null ? 'The model had no price.' : `Price from ${of.prices.source}.`}
      </p>
    </>
  )
}

const camelCase = (kind: string) =>
  kind.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** A long prompt has the rates of the highest tier that it passes. */
const ratesFor = ({ rates, tiers }: Prices, inputTokens: number): Rates =>
  tiers?.findLast(({ inputTokensAbove }) => inputTokens > inputTokensAbove)?.rates ?? rates

const UNIT_NANOS = 1e9
const PER = 1_000_000

const COLUMNS: readonly Column<Used>[] = [
  { name: 'Kind', cell: ({ kind }) => kind.replaceAll('_', ' ') },
  { name: 'Used', isNumber: true, cell: ({ count }) => exactCount(count) },
  {
    name: 'Price for a million',
    isNumber: true,
    cell: ({ rate }) => (rate === null ? 'none' : exactMoney(rate / UNIT_NANOS)),
  },
  {
    name: 'Comes to',
    isNumber: true,
    cell: ({ count, rate }) => (rate === null ? '' : exactMoney((count * rate) / UNIT_NANOS / PER)),
  },
]

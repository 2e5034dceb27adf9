import { useEffect, useState } from 'preact/hooks'
import { exactCount, exactMoney } from '../format.ts'
import { BudgetBar, Copy, LoadProblem, Section } from '../parts.tsx'
import { useData } from '../use-data.ts'
import { type Customer, CustomerLink } from './customer-parts.tsx'
import { curlOf, type Run } from './playground-call.ts'

/** `GET /spend/logs`, as far as it is shown here. */
type Row = {
  readonly spend: number
  readonly cost: number
  readonly model_id: string
  readonly end_user: string
  readonly request_duration_ms: number
  readonly outcome: string
  readonly usage_source: string
  readonly usage: Readonly<Record<string, number>>
}

/** A call that was broken off is counted first, and then in the ledger. */
const LOOKS = 20
const LOOK_MS = 500

/** What a call that is over has cost, and the customer's spend after it. */
export function Receipt({ of: run }: { readonly of: Run }) {
  const { callId, chat } = run
  const rows = useData<readonly Row[]>('/spend/logs', { request_id: callId })
  const [looks, setLooks] = useState(0)
  const row = rows.data?.[0]
  const isMissing = rows.data !== undefined && row === undefined
  useEffect(() => {
    if (!isMissing || looks >= LOOKS) return
    const timer = setTimeout(() => {
      setLooks(looks + 1)
      rows.reload()
    }, LOOK_MS)
    return () => clearTimeout(timer)
  }, [isMissing, looks, rows.reload])
  return (
    <Section title="What it cost">
      <LoadProblem error={rows.error} onRetry={rows.reload} />
      {isMissing && (
        <p class="notice">
          {looks < LOOKS
            ? 'It is being settled…'
            : 'It is not settled yet: its deployment may be read on to the end of its answer. '}
          {looks >= LOOKS && (
            <button type="button" onClick={() => setLooks(0)}>
              Look again
            </button>
          )}
        </p>
      )}
      {row !== undefined && <Settled of={row} />}
      {row !== undefined && row.end_user !== '' && <SpendOf id={row.end_user} />}
      <details>
        <summary>The same call with curl</summary>
        <Copy label="The call with curl" text={curlOf(chat, location.origin)} />
      </details>
      <p class="hint">
        Call <code>{callId}</code>
      </p>
    </Section>
  )
}

const SOURCES: Readonly<Record<string, string>> = {
  upstream: 'counted by the upstream',
  drained: 'counted by the upstream, which was read to its end',
  estimated: 'counted by Tollgate, of what was delivered',
  none: 'nothing was used',
}

/** Of what is not counted in tokens. */
const NAMES: Readonly<Record<string, string>> = {
  images: 'pictures',
  audio_ms: 'milliseconds of sound',
  characters: 'characters',
}

const Part = ({ name, value }: { readonly name: string; readonly value: string }) => (
  <div>
    <dt>{name}</dt>
    <dd class="number">{value}</dd>
  </div>
)

function Settled({ of }: { readonly of: Row }) {
  const kinds = Object.entries(of.usage).filter(([, used]) => used > 0)
  return (
    <>
      <p>
        <strong class="charge number">{exactMoney(of.spend)}</strong>{' '}
        <span class="muted">on the tab, to the nano-dollar</span>
      </p>
      <dl class="rows">
        {of.cost !== of.spend && <Part name="what the upstream asks" value={exactMoney(of.cost)} />}
        {kinds.map(([kind, used]) => (
          <Part
            key={kind}
            name={NAMES[kind] ?? kind.replaceAll('_', ' ')}
            value={exactCount(used)}
          />
        ))}
      </dl>
      <p class="muted">
        Usage {SOURCES[of.usage_source] ?? of.usage_source}. Answered by {of.model_id} in{' '}
        {exactCount(of.request_duration_ms)} ms
        {of.outcome === 'client_closed' && '; stopped, and charged for what had been delivered'}.
      </p>
    </>
  )
}

function SpendOf({ id }: { readonly id: string }) {
  const { data, error, reload } = useData<Customer>('/customer/info', { end_user_id: id })
  return (
    <>
      <LoadProblem error={error} onRetry={reload} />
      {data !== undefined && (
        <div class="spend-after">
          <div>
            <small class="muted">Spend after it</small>
            <CustomerLink id={id} alias={data.alias} />
          </div>
          <BudgetBar
            spend={data.spend}
            held={data.held}
            limit={data.litellm_budget_table?.max_budget ?? null}
            label={`Budget of ${id}`}
          />
        </div>
      )}
    </>
  )
}

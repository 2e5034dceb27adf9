import type { Series } from '../chart.tsx'
import { exactCount, plural } from '../format.ts'
import type { Metrics } from '../live.ts'
import {
  Badge,
  Count,
  Distance,
  Empty,
  LoadProblem,
  Money,
  PageHead,
  Section,
  Time,
} from '../parts.tsx'
import { useIsAdmin } from '../session.tsx'
import { type Column, Table } from '../table.tsx'
import { useAddress } from '../use-address.ts'
import { useData, useEvery } from '../use-data.ts'
import { type Deployment, type Deployments, isPriced } from './deployment.ts'
import { PriceFix, Prices } from './model-prices.tsx'

const REFRESH_MS = 10_000
/** As many as `/spend/series` has at most; those that spent less today are not told of. */
const TOP_MAX = 50
/** Fewer are seen at a glance. */
const SEARCHED_FROM = 8

/** What is served, through whom, how that does, and what it costs. */
export function Models() {
  const { query, set } = useAddress()
  const served = useData<Deployments>('/model/info')
  const today = new Date().toISOString().slice(0, 10)
  const used = useData<Series>('/spend/series', {
    start_date: today,
    end_date: today,
    step: 'day',
    by: 'model',
    top: TOP_MAX,
  })
  useEvery(REFRESH_MS, () => {
    served.reload()
    used.reload()
  })
  const deployments = served.data?.data ?? []
  const models = [...Map.groupBy(deployments, ({ model_name }) => model_name)]
  const search = (query['search'] ?? '').toLowerCase()
  const shown = models.filter(([name]) => name.toLowerCase().includes(search))
  const unpriced = deployments.filter((deployment) => !isPriced(deployment))
  const usedToday = new Map(used.data?.series.map(({ name, total }) => [name, total]))
  return (
    <>
      <PageHead title="Models">
        {models.length >= SEARCHED_FROM && (
          <input
            type="search"
            aria-label="Find a model"
            placeholder="Find a model"
            value={query['search'] ?? ''}
            onInput={(event) => set({ search: event.currentTarget.value })}
          />
        )}
      </PageHead>
      <LoadProblem error={served.error} onRetry={served.reload} />
      {unpriced.length > 0 && (
        <p class="problem">
          {plural(unpriced.length, 'deployment')} without a price: refused for whoever has a budget.
          See below for the lines of the config that mend it.
        </p>
      )}
      {shown.map(([name, own]) => (
        <Model key={name} name={name} deployments={own} today={usedToday.get(name)} />
      ))}
      {served.data !== undefined && shown.length === 0 && (
        <Empty title={`No model has “${query['search'] ?? ''}” in its name.`}>
          <button type="button" onClick={() => set({ search: '' })}>
            Show all {exactCount(models.length)}
          </button>
        </Empty>
      )}
    </>
  )
}

function Model({
  name,
  deployments,
  today,
}: {
  readonly name: string
  readonly deployments: readonly Deployment[]
  /** Undefined: nobody has called it. */
  readonly today: Metrics | undefined
}) {
  const isAdmin = useIsAdmin()
  return (
    <Section
      title={name}
      actions={
        isAdmin && (
          <a class="button" href={`/ui/playground?model=${encodeURIComponent(name)}`}>
            Try it
          </a>
        )
      }
    >
      <p class="muted">
        {today === undefined ? 'No calls today' : <UsedToday of={today} />}
        {' (since midnight UTC)'}
      </p>
      <Table
        label={`Deployments of ${name}`}
        columns={deployments.length === 1 ? ALONE : AMONG_OTHERS}
        rows={deployments}
        keyOf={({ model_info }) => model_info.id}
      />
      {deployments
        .filter((deployment) => !isPriced(deployment))
        .map((deployment) => (
          <PriceFix key={deployment.model_info.id} of={deployment} />
        ))}
    </Section>
  )
}

const UsedToday = ({ of }: { readonly of: Metrics }) => (
  <>
    <Count of={of.calls} /> {of.calls === 1 ? 'call' : 'calls'} today
    {of.failed_calls > 0 && (
      <>
        , <strong class="bad">{exactCount(of.failed_calls)} failed</strong>
      </>
    )}
    , <Money of={of.spend} />
  </>
)

/** The columns of a model's deployments; `isAlone`: there is no other to go to. */
const columns = (isAlone: boolean): readonly Column<Deployment>[] => [
  { name: 'Deployment', cell: (deployment) => <Where of={deployment} /> },
  { name: 'Health', cell: (deployment) => <Health of={deployment} isAlone={isAlone} /> },
  { name: 'Price', cell: (deployment) => <Prices of={deployment} /> },
]
const ALONE = columns(true)
const AMONG_OTHERS = columns(false)

function Where({ of: { litellm_params: params, model_info } }: { readonly of: Deployment }) {
  const { weight, rpm, tpm, max_parallel_requests: atOnce } = params
  const limits = [
    weight !== undefined && `weight ${weight}`,
    rpm !== undefined && `${exactCount(rpm)} calls a minute`,
    tpm !== undefined && `${exactCount(tpm)} tokens a minute`,
    atOnce !== undefined && `${exactCount(atOnce)} at once`,
  ].filter(Boolean)
  return (
    <div class="where">
      <strong>{params.model}</strong>
      <small class="muted">{params.api_base ?? 'built in: nobody is asked'}</small>
      {limits.length > 0 && <small class="muted">{limits.join(', ')}</small>}
      <small class="muted">id {model_info.id}</small>
    </div>
  )
}

function Health({ of, isAlone }: { readonly of: Deployment; readonly isAlone: boolean }) {
  const { cooldown_until: until, last_failure: failure, ...now } = of.health
  return (
    <div class="where">
      {until === null ? (
        <span>
          <Badge tone="ok">asked</Badge>
        </span>
      ) : (
        <>
          <span>
            <Badge tone="bad">left alone</Badge> until <Time at={until} />
          </span>
          {isAlone && <small>There is no other, so its calls go there all the same.</small>}
        </>
      )}
      <small class="muted">
        {failure === null ? (
          'no failure since the start'
        ) : (
          <>
            failed last <Distance to={failure.at} />: {failure.error}
          </>
        )}
      </small>
      {now.first_byte_ms !== null && (
        <small class="muted">first byte after {exactCount(now.first_byte_ms)} ms</small>
      )}
      {now.calls_in_flight > 0 && (
        <small class="muted">{plural(now.calls_in_flight, 'call')} under way</small>
      )}
    </div>
  )
}

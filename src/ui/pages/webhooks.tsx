import { useState } from 'preact/hooks'
import { post } from '../api.ts'
import { Problem, useAct } from '../form.tsx'
import { exactCount, plural } from '../format.ts'
import { Badge, Copy, Distance, LoadProblem, PageHead, Section } from '../parts.tsx'
import { useIsAdmin } from '../session.tsx'
import { useData, useEvery } from '../use-data.ts'
import { Deliveries } from './deliveries.tsx'

/** `GET /webhook/receivers`. */
type Receiver = {
  readonly name: string
  readonly url: string
  readonly events: readonly string[]
  readonly signed: boolean
  readonly pending: number
  readonly dead: number
  readonly last_delivered_at: string | null
  readonly last_failure: { readonly at: string; readonly error: string } | null
}

/** `POST /webhook/test`. */
type Tried = {
  readonly delivered: boolean
  readonly status: number | null
  readonly ms: number
  readonly error: string | null
  readonly event: unknown
}

const REFRESH_MS = 5_000

/** Who is told of events, and what became of each. */
export function Webhooks() {
  const { data, error, reload } = useData<readonly Receiver[]>('/webhook/receivers')
  // What was replayed is to be seen in the list of deliveries too.
  const [changes, setChanges] = useState(0)
  useEvery(REFRESH_MS, reload)
  const changed = () => {
    reload()
    setChanges((before) => before + 1)
  }
  return (
    <>
      <PageHead title="Webhooks" />
      <LoadProblem error={error} onRetry={reload} />
      {data?.length === 0 && <NoReceivers />}
      <div class="columns">
        {data?.map((receiver) => (
          <ReceiverCard key={receiver.name} of={receiver} onChange={changed} />
        ))}
      </div>
      {data !== undefined && (
        <Deliveries
          receivers={data.map(({ name }) => name)}
          events={[...new Set(data.flatMap(({ events }) => events))]}
          changes={changes}
          onChange={changed}
        />
      )}
    </>
  )
}

function ReceiverCard({
  of: receiver,
  onChange,
}: {
  readonly of: Receiver
  readonly onChange: () => void
}) {
  const { name, url, events, signed, pending, dead } = receiver
  const isAdmin = useIsAdmin()
  const { isBusy, problem, run } = useAct()
  const [tried, setTried] = useState<Tried | null>(null)
  const test = async () => {
    setTried(null)
    setTried(await post<Tried>('/webhook/test', { receiver: name }))
  }
  const replayDead = async () => {
    await post('/webhook/replay', { receiver: name })
    onChange()
  }
  return (
    <Section
      title={name}
      actions={
        <span class="actions">
          {signed ? <Badge tone="ok">signed</Badge> : <Badge tone="warn">not signed</Badge>}
        </span>
      }
    >
      <p class="where">
        <span>{url}</span>
        <small class="muted">is told of {events.join(', ')}</small>
      </p>
      <p class="actions">
        <Badge tone={pending > 0 ? 'warn' : 'plain'}>{exactCount(pending)} waiting</Badge>
        <Badge tone={dead > 0 ? 'bad' : 'plain'}>{exactCount(dead)} given up</Badge>
      </p>
      <LastTries of={receiver} />
      {isAdmin && (
        <div class="actions">
          <button type="button" disabled={isBusy} onClick={() => run(test)}>
            Send a test
          </button>
          {dead > 0 && (
            <button type="button" disabled={isBusy} onClick={() => run(replayDead)}>
              Replay {plural(dead, 'event')} given up
            </button>
          )}
        </div>
      )}
      <Problem text={problem} />
      <div role="status">{tried !== null && <Result of={tried} />}</div>
    </Section>
  )
}

const LastTries = ({ of }: { readonly of: Receiver }) => (
  <p class="where">
    <small class="muted">
      {of.last_delivered_at === null ? (
        'Has taken nothing since the server started.'
      ) : (
        <>
          Took an event <Distance to={of.last_delivered_at} />.
        </>
      )}
    </small>
    {of.last_failure !== null && (
      <small class="muted">
        Failed last <Distance to={of.last_failure.at} />: {of.last_failure.error}.
      </small>
    )}
  </p>
)

const Result = ({ of: { delivered, status, ms, error, event } }: { readonly of: Tried }) => (
  <div class="stack">
    <p>
      {delivered ? <Badge tone="ok">taken</Badge> : <Badge tone="bad">not taken</Badge>}{' '}
      {error ?? `Status ${status}`}, after {exactCount(ms)} ms.
    </p>
    <details>
      <summary>The sample that was sent</summary>
      <pre>{JSON.stringify(event, null, 2)}</pre>
    </details>
  </div>
)

const SECRET_BYTES = 32

/** A fresh secret, as Standard Webhooks has them. */
function newSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SECRET_BYTES))
  return `whsec_${btoa(String.fromCharCode(...bytes))}`
}

function NoReceivers() {
  const [secret] = useState(newSecret)
  const lines = [
    'tollgate_settings:',
    '  webhooks:',
    '    - name: crm',
    '      url: https://example.com/hooks/crm',
    '      secret: os.environ/CRM_WEBHOOK_SECRET',
    '      events: [budget_crossed, threshold_crossed]  # without this line, all',
  ]
  return (
    <Section title="Nobody is told of events">
      <p>
        A receiver is POSTed what happens to customers: what each call cost, budgets crossed, or
        soon to be. Add one to the config, and restart:
      </p>
      <Copy label="The lines of the config that add a receiver" text={lines.join('\n')} />
      <p>Its secret signs what it is sent (Standard Webhooks). This one was made just now, here:</p>
      <Copy label="A secret for the environment" text={`CRM_WEBHOOK_SECRET=${secret}`} />
      <p class="hint">
        LiteLLM’s way works as well: <code>alerting: ["webhook"]</code> under{' '}
        <code>general_settings</code>, and <code>WEBHOOK_URL</code> in the environment.
      </p>
    </Section>
  )
}

import { useLocation } from 'preact-iso'
import { Field, type Form, Problem, useForm } from '../form.tsx'
import { Empty, LoadProblem, PageHead, Section } from '../parts.tsx'
import { useIsAdmin } from '../session.tsx'
import { useData } from '../use-data.ts'
import { CustomerInput } from './customer-input.tsx'
import { type Deployments, isPriced } from './deployment.ts'
import { type Chat, type Run, usePlaygroundCall } from './playground-call.ts'
import { Receipt } from './playground-receipt.tsx'

/** A call from here, to see an answer come, and what it costs. */
export function Playground() {
  const isAdmin = useIsAdmin()
  return (
    <>
      <PageHead title="Playground" />
      {isAdmin ? (
        <Calls />
      ) : (
        <Empty title="A read_only key may look, and not call.">
          <p>Sign in with the master key to send calls from here.</p>
        </Empty>
      )}
    </>
  )
}

/** Named as the server names them, so that what it refuses is shown at its field. */
type Values = { model: string; user: string; messages: string; max_tokens: string }

const FIRST = { messages: 'Say hello in three languages.', max_tokens: '256' }

function Calls() {
  const { query } = useLocation()
  const served = useData<Deployments>('/model/info')
  const form = useForm<Values>({
    model: query['model'] ?? '',
    user: query['customer'] ?? '',
    ...FIRST,
  })
  const { run, send, stop } = usePlaygroundCall()
  const models = [...Map.groupBy(served.data?.data ?? [], ({ model_name }) => model_name)]
  const model = form.values.model === '' ? (models[0]?.[0] ?? '') : form.values.model
  const submit = form.submit((values) => send(chatOf({ ...values, model })))
  return (
    <>
      <LoadProblem error={served.error} onRetry={served.reload} />
      <div class="playground">
        <Section title="Call">
          <form
            class="stack"
            onSubmit={submit}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !form.isBusy) {
                submit(event)
              }
            }}
          >
            <Field label="Model" error={form.errorOf('model')}>
              {(ids) => (
                <select
                  {...ids}
                  value={model}
                  onChange={(event) => form.set({ model: event.currentTarget.value })}
                >
                  {models.map(([name, deployments]) => (
                    <option key={name} value={name}>
                      {name}
                      {deployments.every((deployment) => !isPriced(deployment)) && ' (no price)'}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <CallFields form={form} />
            <Problem text={form.problem} />
            <div class="actions">
              <button type="submit" class="primary" disabled={form.isBusy || model === ''}>
                Send
              </button>
              {form.isBusy && (
                <button type="button" class="danger" onClick={stop}>
                  Stop
                </button>
              )}
              <span class="hint">
                Stopping hangs up, as a client would: what came until then is charged.
              </span>
            </div>
          </form>
        </Section>
        <Answer run={run} isBusy={form.isBusy} />
      </div>
    </>
  )
}

const CallFields = ({ form: { values, set, errorOf } }: { readonly form: Form<Values> }) => (
  <>
    <Field
      label="Customer"
      hint="Whose tab it goes on. A new id opens a new one; empty: nobody’s."
      error={errorOf('user')}
    >
      {(ids) => <CustomerInput {...ids} value={values.user} onValue={(user) => set({ user })} />}
    </Field>
    <Field label="Prompt" error={errorOf('messages')}>
      {(ids) => (
        <textarea
          {...ids}
          rows={5}
          value={values.messages}
          onInput={(event) => set({ messages: event.currentTarget.value })}
        />
      )}
    </Field>
    <Field
      label="Longest answer, in tokens"
      hint={
        'max_tokens. What that many cost is held while the call runs. Empty: no limit of yours.'
      }
      error={errorOf('max_tokens')}
    >
      {(ids) => (
        <input
          {...ids}
          type="number"
          min="1"
          step="1"
          value={values.max_tokens}
          onInput={(event) => set({ max_tokens: event.currentTarget.value })}
        />
      )}
    </Field>
  </>
)

function chatOf({ model, user, messages, max_tokens: most }: Values): Chat {
  const id = user.trim()
  return {
    model,
    messages: [{ role: 'user', content: messages }],
    stream: true,
    ...(id === '' ? {} : { user: id }),
    ...(most.trim() === '' ? {} : { max_tokens: Number(most) }),
  }
}

const STATES = { answering: 'Answering…', done: 'Done.', stopped: 'Stopped.' } as const

function Answer({ run, isBusy }: { readonly run: Run | null; readonly isBusy: boolean }) {
  const waiting = isBusy ? 'Waiting for the first word…' : ''
  return (
    <div class="stack">
      <Section
        title="Answer"
        actions={
          <span class="muted" role="status">
            {run === null ? waiting : STATES[run.state]}
          </span>
        }
      >
        {run === null && !isBusy && (
          <p class="muted">It is shown here as it comes, and then what it cost.</p>
        )}
        {run !== null && <p class="answer">{run.text}</p>}
        <Problem text={run?.problem ?? null} />
      </Section>
      {run !== null && run.state !== 'answering' && <Receipt key={run.callId} of={run} />}
    </div>
  )
}

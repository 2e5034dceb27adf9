import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { messageOf } from './api.ts'
import {
  count,
  distance,
  exactCount,
  exactMoney,
  exactTime,
  money,
  percent,
  time,
} from './format.ts'
import { useEvery } from './use-data.ts'

/** Small parts that pages are made of. */

/** Dollars, rounded for reading; in full on hover. */
export const Money = ({ of }: { readonly of: number }) => (
  <span class="number" title={exactMoney(of)}>
    {money(of)}
  </span>
)

/** A count, rounded for reading; in full on hover. */
export const Count = ({ of }: { readonly of: number }) => (
  <span class="number" title={exactCount(of)}>
    {count(of)}
  </span>
)

/** A time in the viewer's zone; to the second on hover. */
export const Time = ({ at }: { readonly at: string }) => (
  <time dateTime={at} title={exactTime(at)}>
    {time(at)}
  </time>
)

const SOON_MS = 30_000

/** How far away a time is, kept true while one looks at it. */
export function Distance({ to }: { readonly to: string }) {
  const [now, setNow] = useState(Date.now)
  useEvery(SOON_MS, () => setNow(Date.now()))
  return (
    <time dateTime={to} title={exactTime(to)}>
      {distance(to, now)}
    </time>
  )
}

/** What is spent of a limit, and held on top of that, as a bar. */
export function BudgetBar({
  spend,
  held = 0,
  limit,
  label,
}: {
  readonly spend: number
  readonly held?: number
  /** Null: there is none. */
  readonly limit: number | null
  /** Whose, for screen readers. */
  readonly label: string
}) {
  if (limit === null) {
    return (
      <span class="budget-bar">
        <Money of={spend} /> <span class="muted">no limit</span>
      </span>
    )
  }
  const share = limit === 0 ? 1 : spend / limit
  const heldShare = limit === 0 ? 0 : Math.min(held / limit, Math.max(0, 1 - share))
  return (
    <span class={`budget-bar ${levelOf(share)}`}>
      <span>
        <Money of={spend} /> <span class="muted">of</span> <Money of={limit} />
      </span>
      <span class="unseen">{`${label}: ${percent(share)} spent`}</span>
      <span
        class="bar"
        aria-hidden="true"
        title={`${percent(share)} spent${held > 0 ? `, ${exactMoney(held)} held` : ''}`}
      >
        <Part share={Math.min(1, Math.max(0, share))} name="spent" />
        <Part share={heldShare} name="held" />
      </span>
    </span>
  )
}

const NEAR = 0.8

function levelOf(share: number): string {
  if (share >= 1) return 'over'
  return share >= NEAR ? 'near' : 'fine'
}

const Part = ({ share, name }: { readonly share: number; readonly name: string }) => (
  <span class={name} style={{ width: `${share * 100}%` }} />
)

export type Tone = 'ok' | 'warn' | 'bad' | 'plain'

export const Badge = ({
  tone = 'plain',
  children,
}: {
  readonly tone?: Tone
  readonly children: ComponentChildren
}) => <span class={`badge ${tone}`}>{children}</span>

/** In place of a list that is empty: what would be there, and how to get it there. */
export const Empty = ({
  title,
  children,
}: {
  readonly title: string
  readonly children?: ComponentChildren
}) => (
  <div class="empty">
    <p class="title">{title}</p>
    {children}
  </div>
)

/** A number that matters, under its name. */
export const Figure = ({
  name,
  children,
  note,
}: {
  readonly name: string
  readonly children: ComponentChildren
  readonly note?: ComponentChildren
}) => (
  <div class="figure">
    <dt>{name}</dt>
    <dd>{children}</dd>
    {note !== undefined && <dd class="hint">{note}</dd>}
  </div>
)

/** A part of a page under a heading, with its buttons at the right. */
export const Section = ({
  title,
  actions,
  children,
}: {
  readonly title: string
  readonly actions?: ComponentChildren
  readonly children: ComponentChildren
}) => (
  <section class="card">
    <header>
      <h2>{title}</h2>
      {actions}
    </header>
    {children}
  </section>
)

/** The head of a page: its one `h1`, and what can be done there. */
export const PageHead = ({
  title,
  children,
}: {
  readonly title: ComponentChildren
  readonly children?: ComponentChildren
}) => (
  <header class="page-head">
    <h1>{title}</h1>
    {children !== undefined && <div class="actions">{children}</div>}
  </header>
)

/** What went wrong while something was loaded, with the way to try it again. */
export const LoadProblem = ({
  error,
  onRetry,
}: {
  readonly error: unknown
  readonly onRetry: () => void
}) =>
  error === null ? null : (
    <div class="problem" role="alert">
      <p>{messageOf(error)}</p>
      <button type="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  )

/** Text to be copied: a secret, a line of config. */
export function Copy({ text, label }: { readonly text: string; readonly label: string }) {
  const [isCopied, setCopied] = useState(false)
  const lines = text.split('\n').length
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
  }
  return (
    <div class="copy">
      <textarea
        readOnly
        rows={lines}
        // Lines that belong together are scrolled to, and not broken.
        wrap={lines === 1 ? 'soft' : 'off'}
        aria-label={label}
        value={text}
      />
      {navigator.clipboard !== undefined && (
        <button type="button" onClick={copy}>
          <span aria-live="polite">{isCopied ? 'Copied' : 'Copy'}</span>
        </button>
      )}
    </div>
  )
}

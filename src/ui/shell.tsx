import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import { Badge } from './parts.tsx'
import { Mark, signOut, useSession } from './session.tsx'

const PAGES = [
  ['/ui', 'Overview'],
  ['/ui/customers', 'Customers'],
  ['/ui/budgets', 'Budgets'],
  ['/ui/margin', 'Margin'],
  ['/ui/models', 'Models'],
  ['/ui/playground', 'Playground'],
  ['/ui/keys', 'Keys'],
  ['/ui/webhooks', 'Webhooks'],
] as const

/** What is around every page: where one is, where one can go, and who one is. */
export function Shell({ children }: { readonly children: ComponentChildren }) {
  const { path } = useLocation()
  const { role, key_alias, version } = useSession()
  const here = PAGES.findLast(([to]) => path === to || path.startsWith(`${to}/`))?.[0]
  const title = PAGES.find(([to]) => to === here)?.[1] ?? 'Not found'
  useEffect(() => {
    document.title = `${title} · Tollgate`
  }, [title])
  return (
    <div class="shell">
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="side">
        <a class="brand" href="/ui">
          <Mark /> Tollgate
        </a>
        <nav aria-label="Console">
          {PAGES.map(([to, name]) => (
            <a key={to} href={to} aria-current={to === here ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <div class="foot">
          {role === 'read_only' && <Badge>read only{key_alias && `: ${key_alias}`}</Badge>}
          <ThemeSwitch />
          <a href="/docs" target="_blank" rel="noreferrer">
            API docs
          </a>
          <button type="button" class="quiet" onClick={() => void signOut()}>
            Sign out
          </button>
          <small class="muted">{version}</small>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}

const THEMES = ['auto', 'light', 'dark'] as const
const STORED = 'tollgate-theme'

/** The theme that was chosen, put on the page; `auto` is the system's. */
export function applyTheme(theme = localStorage.getItem(STORED) ?? 'auto'): string {
  if (theme === 'auto') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
  // Charts are drawn on a canvas, and have to be told.
  dispatchEvent(new Event('themechange'))
  return theme
}

function ThemeSwitch() {
  const [theme, setTheme] = useState(() => localStorage.getItem(STORED) ?? 'auto')
  const choose = (chosen: string) => {
    localStorage.setItem(STORED, chosen)
    setTheme(applyTheme(chosen))
  }
  return (
    <label class="theme">
      Theme
      <select value={theme} onChange={(event) => choose(event.currentTarget.value)}>
        {THEMES.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}

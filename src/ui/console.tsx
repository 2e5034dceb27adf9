import { render } from 'preact'
import { ErrorBoundary, LocationProvider, Route, Router } from 'preact-iso'
import { Overview } from './pages/overview.tsx'
import { Empty, PageHead } from './parts.tsx'
import { SignedIn } from './session.tsx'
import { applyTheme, Shell } from './shell.tsx'

/** The admin console, at `/ui`. */

const NotFound = () => (
  <>
    <PageHead title="Not found" />
    <Empty title="There is no such page.">
      <a href="/ui">Go to the overview</a>
    </Empty>
  </>
)

const Console = () => (
  <LocationProvider scope="/ui">
    <SignedIn>
      <Shell>
        <ErrorBoundary>
          <Router>
            <Route path="/ui" component={Overview} />
            <Route default component={NotFound} />
          </Router>
        </ErrorBoundary>
      </Shell>
    </SignedIn>
  </LocationProvider>
)

applyTheme()
render(<Console />, document.getElementById('app')!)

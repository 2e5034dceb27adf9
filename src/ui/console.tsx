import { render } from 'preact'
import { ErrorBoundary, LocationProvider, Route, Router } from 'preact-iso'
import { Budget } from './pages/budget.tsx'
import { Budgets } from './pages/budgets.tsx'
import { Customer } from './pages/customer.tsx'
import { Customers } from './pages/customers.tsx'
import { Keys } from './pages/keys.tsx'
import { Margin } from './pages/margin.tsx'
import { Models } from './pages/models.tsx'
import { Overview } from './pages/overview.tsx'
import { Playground } from './pages/playground.tsx'
import { Webhooks } from './pages/webhooks.tsx'
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
            <Route path="/ui/customers" component={Customers} />
            <Route path="/ui/customers/:id" component={Customer} />
            <Route path="/ui/budgets" component={Budgets} />
            <Route path="/ui/budgets/:id" component={Budget} />
            <Route path="/ui/margin" component={Margin} />
            <Route path="/ui/models" component={Models} />
            <Route path="/ui/playground" component={Playground} />
            <Route path="/ui/keys" component={Keys} />
            <Route path="/ui/webhooks" component={Webhooks} />
            <Route default component={NotFound} />
          </Router>
        </ErrorBoundary>
      </Shell>
    </SignedIn>
  </LocationProvider>
)

applyTheme()
render(<Console />, document.getElementById('app')!)

import { serveConsole } from './console-page.ts'
import { serveHealth, serveReadiness } from './health.ts'
import { serveLog } from './public-log.ts'
import { reload, showConfiguration } from './reload.ts'
import type { Route } from './route.ts'

/** Everything that the control plane answers. `access-matrix.golden` shows it to reviewers. */
export const routes: readonly Route[] = [
  { method: 'GET', path: '/', permission: 'public', handle: serveConsole },
  { method: 'GET', path: '/healthz', permission: 'public', handle: serveHealth },
  { method: 'GET', path: '/readyz', permission: 'public', handle: serveReadiness },
  { method: 'GET', path: '/log/*', permission: 'public', handle: serveLog },
  {
    method: 'GET',
    path: '/.well-known/countersign/*',
    permission: 'public',
    handle: (request, parts) => parts.answerWellKnown(request),
  },
  {
    method: 'GET',
    path: '/api/config',
    permission: 'viewer',
    operation: 'config show',
    handle: showConfiguration,
  },
  {
    method: 'POST',
    path: '/api/reload',
    permission: 'operator',
    operation: 'config reload',
    handle: reload,
  },
]

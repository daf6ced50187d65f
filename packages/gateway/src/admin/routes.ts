import {
  activateBreakGlass,
  confirmBreakGlass,
  denyApproval,
  grantApproval,
  listApprovals,
  listBreakGlass,
  reviewBreakGlass,
  showApproval,
} from './approvals.ts'
import { serveConsole } from './console-page.ts'
import { contain, lift, listContained } from './containment.ts'
import { serveHealth, serveReadiness } from './health.ts'
import { showMetrics } from './metrics.ts'
import { serveLog } from './public-log.ts'
import { reload, showConfiguration } from './reload.ts'
import type { Route } from './route.ts'
import { listUpstreams } from './upstreams.ts'

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
    path: '/metrics',
    permission: 'viewer',
    operation: 'metrics',
    handle: showMetrics,
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
  {
    method: 'GET',
    path: '/api/upstreams',
    permission: 'viewer',
    operation: 'upstreams list',
    handle: listUpstreams,
  },
  {
    method: 'GET',
    path: '/api/containment',
    permission: 'viewer',
    operation: 'containment list',
    handle: listContained,
  },
  {
    method: 'POST',
    path: '/api/containment',
    permission: 'operator',
    operation: 'contain',
    handle: contain,
  },
  {
    method: 'DELETE',
    path: '/api/containment/:id',
    permission: 'operator',
    operation: 'lift',
    handle: lift,
  },
  {
    method: 'GET',
    path: '/api/approvals',
    permission: 'viewer',
    operation: 'approvals list',
    handle: listApprovals,
  },
  {
    method: 'GET',
    path: '/api/approvals/:id',
    permission: 'viewer',
    operation: 'approvals show',
    handle: showApproval,
  },
  {
    method: 'POST',
    path: '/api/approvals/:id/grant',
    permission: 'approver',
    operation: 'approvals grant',
    handle: grantApproval,
  },
  {
    method: 'POST',
    path: '/api/approvals/:id/deny',
    permission: 'approver',
    operation: 'approvals deny',
    handle: denyApproval,
  },
  {
    method: 'GET',
    path: '/api/break-glass',
    permission: 'viewer',
    operation: 'break-glass list',
    handle: listBreakGlass,
  },
  // The configuration names who may: they need no role at the control plane.
  {
    method: 'POST',
    path: '/api/break-glass',
    permission: 'known',
    operation: 'break-glass activate',
    handle: activateBreakGlass,
  },
  {
    method: 'POST',
    path: '/api/break-glass/:id/confirm',
    permission: 'known',
    operation: 'break-glass confirm',
    handle: confirmBreakGlass,
  },
  {
    method: 'POST',
    path: '/api/break-glass/:id/review',
    permission: 'known',
    operation: 'break-glass review',
    handle: reviewBreakGlass,
  },
]

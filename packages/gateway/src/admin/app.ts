import { Hono } from 'hono'
import { Guard } from './guard.ts'
import { problem } from './problem.ts'
import type { AdminParts, AdminPeer, Route } from './route.ts'
import { routes } from './routes.ts'

/** The control plane without a socket: a request in, a response out. */
export type AdminApp = (request: Request, peer?: AdminPeer) => Promise<Response>

/** Of a request that came over no connection. */
const NOWHERE: AdminPeer = { address: '0.0.0.0' }

export function adminApp(
  parts: AdminParts,
  onFailure: (error: Error) => void,
  table: readonly Route[] = routes,
): AdminApp {
  const app = new Hono<{ Bindings: AdminPeer }>()
  const guard = new Guard(parts.guard, onFailure)
  app.use(async (context, next) => {
    await next()
    context.header('x-content-type-options', 'nosniff')
  })
  for (const route of table) {
    app.on(route.method, route.path, (context) => {
      const request = context.req.raw
      if (route.permission === 'public') return route.handle(request, parts)
      return guard.serve(request, context.env, { route, parts })
    })
  }
  for (const [path, methods] of methodsByPath(table)) {
    app.all(path, () => problem(405, 'Method not allowed', { allow: methods.join(', ') }))
  }
  app.notFound(() => problem(404, 'Nothing is served here'))
  app.onError((error) => {
    onFailure(error)
    return problem(500, 'Internal error')
  })
  return async (request, peer = NOWHERE) => app.fetch(request, peer)
}

function methodsByPath(table: readonly Route[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const { method, path } of table) {
    const methods = found.get(path) ?? []
    methods.push(...(method === 'GET' ? ['GET', 'HEAD'] : [method]))
    found.set(path, methods)
  }
  return found
}

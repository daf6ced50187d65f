import { Hono } from 'hono'
import { problem } from './problem.ts'
import type { AdminParts } from './route.ts'
import { routes } from './routes.ts'

/** The control plane without a socket: a request in, a response out. */
export type AdminApp = (request: Request) => Promise<Response>

export function adminApp(parts: AdminParts, onFailure: (error: Error) => void): AdminApp {
  const app = new Hono()
  app.use(async (context, next) => {
    await next()
    context.header('x-content-type-options', 'nosniff')
  })
  for (const { method, path, handle } of routes) {
    app.on(method, path, (context) => handle(context.req.raw, parts))
    app.all(path, () => problem(405, 'Method not allowed', { allow: `${method}, HEAD` }))
  }
  app.notFound(() => problem(404, 'Nothing is served here'))
  app.onError((error) => {
    onFailure(error)
    return problem(500, 'Internal error')
  })
  return async (request) => app.fetch(request)
}

import type { AdminParts } from './route.ts'

/** The process answers: nothing more is claimed, so that a full disk does not restart it. */
export function serveHealth(): Response {
  return plain(200, 'ok')
}

/** Whether a request would be served now: 200, or 503 and why not. */
export function serveReadiness(_request: Request, { state }: AdminParts): Response {
  const now = state()
  return now === 'open' ? plain(200, 'ready') : plain(503, `not ready: ${now}`)
}

function plain(status: number, text: string): Response {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }
  return new Response(`${text}\n`, { status, headers })
}

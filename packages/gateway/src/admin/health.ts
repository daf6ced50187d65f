import type { AdminParts } from './route.ts'

const MIB = 1_048_576

/** The process answers: nothing more is claimed, so that a full disk does not restart it. */
export function serveHealth(): Response {
  return plain(200, 'ok')
}

/** Whether a request would be served now: 200, or 503 and why not. */
export function serveReadiness(_request: Request, parts: AdminParts): Response {
  const now = parts.state()
  const overdue = parts.breakGlass.overdue(parts.nowUs())
  const { level, freeBytes } = parts.volume()
  const down = parts.upstreams().filter(({ state }) => state === 'down')
  // A gateway whose upstreams are down still answers, and writes down, what is asked of it.
  const rest = [
    ...(overdue === 0 ? [] : [`\nbreak-glass reviews overdue: ${overdue}`]),
    ...(level === 'ample' ? [] : [`\ndisk ${level}: ${Math.floor(freeBytes / MIB)} MiB free`]),
    ...(down.length === 0 ? [] : [`\nupstreams down: ${down.length}`]),
  ].join('')
  const why = now === 'open' && level === 'scarce' ? 'disk-reserve' : now
  return why === 'open' ? plain(200, `ready${rest}`) : plain(503, `not ready: ${why}${rest}`)
}

function plain(status: number, text: string): Response {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }
  return new Response(`${text}\n`, { status, headers })
}

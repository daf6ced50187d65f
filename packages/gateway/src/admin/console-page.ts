import type { AdminParts } from './route.ts'

// The page is static and loads nothing: nothing may be put into it, and nobody may frame it.
const POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export function serveConsole(_request: Request, { consolePage }: AdminParts): Response {
  return new Response(consolePage, {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': POLICY,
      'cache-control': 'no-cache',
      'referrer-policy': 'no-referrer',
    },
  })
}

import type { ActDone, AdminParts } from './route.ts'

/**
 * What Prometheus reads. Nobody is named in it, but it tells how much a gateway is asked and what
 * it refuses: for viewers. Reading it is not on record: a scraper comes every few seconds.
 */
export async function showMetrics(_request: Request, parts: AdminParts): Promise<ActDone> {
  const { contentType, text } = await parts.metrics()
  const headers = { 'content-type': contentType, 'cache-control': 'no-store' }
  return { response: new Response(text, { headers }), isRecorded: true }
}

import type { JsonObject } from '@countersign/evidence'

/** An error as `application/problem+json` (RFC 9457). */
export function problem(
  status: number,
  title: string,
  headers: Readonly<Record<string, string>> = {},
  members: JsonObject = {},
): Response {
  return Response.json(
    { type: 'about:blank', status, title, ...members },
    {
      status,
      headers: {
        ...headers,
        'content-type': 'application/problem+json',
        'cache-control': 'no-store',
      },
    },
  )
}

/** What an act came to, for the caller alone. */
export function answer(value: JsonObject, status = 200): Response {
  return Response.json(value, { status, headers: { 'cache-control': 'no-store' } })
}

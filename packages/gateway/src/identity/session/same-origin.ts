/** What the browser says of where the request comes from; what says nothing is not believed. */
export function isSameOrigin(
  headers: { get(name: string): string | null },
  origin: string,
): boolean {
  const site = headers.get('sec-fetch-site')
  if (site !== null && site !== 'same-origin' && site !== 'none') return false
  const from = headers.get('origin')
  return from === null ? site !== null : from === origin
}

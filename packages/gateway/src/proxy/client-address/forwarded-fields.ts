import type { Peer } from '../exchange.ts'
import type { HeaderFields } from '../header-fields.ts'
import type { RouteConfig } from '../proxy-config.ts'
import { forwardedFor } from './forwarded.ts'

/** What the upstream is told of where a request came from: the client, then trusted proxies. */
export function forwardedFields(
  { address, proxies = [], scheme, externalOrigin }: Peer,
  authority: string,
  choice: RouteConfig['forwarded'],
): HeaderFields {
  const chain = [address, ...proxies]
  // A proxy that ends TLS before us is known by the origin that is configured.
  const proto =
    externalOrigin === undefined ? scheme : externalOrigin.slice(0, externalOrigin.indexOf(':'))
  const fields: [string, string][] = []
  if (choice === 'x-forwarded' || choice === 'both') {
    fields.push(
      ['x-forwarded-for', chain.join(', ')],
      ['x-forwarded-proto', proto],
      ['x-forwarded-host', authority],
    )
  }
  if (choice === 'forwarded' || choice === 'both') {
    const [client = '', ...others] = chain.map(forwardedFor)
    const first = `${client};proto=${proto};host="${authority}"`
    fields.push(['forwarded', [first, ...others].join(', ')])
  }
  return fields
}

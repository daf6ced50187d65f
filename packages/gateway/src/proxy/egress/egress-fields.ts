import { lookAlike } from '../field-names.ts'
import type { HeaderFields } from '../header-fields.ts'
import type { InjectedCredential } from './injected-credential.ts'

/** What a route does that leads to a service of somebody else. */
export interface Egress {
  readonly credential: InjectedCredential | undefined
}

/** What callers show to us, and what we say to each other: nobody else's business. */
const OURS_ALONE = new Set(['authorization', 'cookie', 'cookie2', 'tracestate', 'baggage'])

/** With these a service would hand its caller what our credential has bought. */
const THEIRS_ALONE = new Set(['set-cookie', 'set-cookie2', 'authentication-info'])

/**
 * With these an answer speaks for a whole origin, which is ours: what browsers keep for it, how
 * they reach it, to whom they report. A challenge asks for a credential that is not theirs to get.
 */
const OF_THE_ORIGIN = new Set([
  'www-authenticate',
  'clear-site-data',
  'strict-transport-security',
  'public-key-pins',
  'public-key-pins-report-only',
  'expect-ct',
  'alt-svc',
  'refresh',
  'nel',
  'report-to',
  'reporting-endpoints',
  'service-worker-allowed',
  'accept-ch',
  'critical-ch',
  'origin-agent-cluster',
  'use-as-dictionary',
  'set-login',
  'sec-session-registration',
  'sec-session-challenge',
  'secure-session-registration',
  'secure-session-challenge',
])

/** What goes out of a caller's fields, with the credential that the caller never sees. */
export function egressRequestFields({ credential }: Egress, fields: HeaderFields): HeaderFields {
  const kept = fields.filter(([name]) => !OURS_ALONE.has(lookAlike(name)))
  return credential === undefined ? kept : credential.addTo(kept)
}

/** What comes back of a service's fields; one that says our credential again is left out. */
export function egressResponseFields({ credential }: Egress, fields: HeaderFields): HeaderFields {
  return fields.filter(([name, value]) => {
    const known = lookAlike(name)
    if (THEIRS_ALONE.has(known) || OF_THE_ORIGIN.has(known)) return false
    return credential === undefined || !(credential.isIn(value) || credential.isIn(name))
  })
}

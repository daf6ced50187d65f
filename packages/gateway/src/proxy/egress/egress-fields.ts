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

/** What goes out of a caller's fields, with the credential that the caller never sees. */
export function egressRequestFields({ credential }: Egress, fields: HeaderFields): HeaderFields {
  const kept = fields.filter(([name]) => !OURS_ALONE.has(lookAlike(name)))
  return credential === undefined ? kept : credential.addTo(kept)
}

/** What comes back of a service's fields; one that says our credential again is left out. */
export function egressResponseFields({ credential }: Egress, fields: HeaderFields): HeaderFields {
  return fields.filter(([name, value]) => {
    if (THEIRS_ALONE.has(lookAlike(name))) return false
    return credential === undefined || !(credential.isIn(value) || credential.isIn(name))
  })
}

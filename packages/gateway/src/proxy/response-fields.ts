import { KeptFields } from '../http1/index.ts'
import { LOGIN_COOKIE_PREFIX } from '../identity/index.ts'
import { rateLimitFields } from '../limits/index.ts'
import { egressResponseFields } from './egress/egress-fields.ts'
import type { Exchange } from './exchange.ts'
import { isOursToTell } from './field-names.ts'
import { endToEnd, type HeaderFields } from './header-fields.ts'
import type { Recorded } from './recording.ts'
import { timingFields } from './server-timing.ts'

/** Of the head that came last from an upstream: many answers have the same. */
export interface LastHead {
  readonly fields: HeaderFields
  readonly passing: KeptFields
}

/** What passes of them whatever the route: it is of the fields alone. */
function passingOf({ upstream }: Exchange, fields: HeaderFields): KeptFields {
  const known = upstream?.lastHead
  if (known?.fields === fields) return known.passing
  const kept = endToEnd(fields, isOursToTell).filter((field) => !isLogin(field))
  const passing = new KeptFields(kept)
  if (upstream !== undefined) upstream.lastHead = { fields, passing }
  return passing
}

/** The upstream's fields, without those of its connection and without what only we may say. */
export function passFields(exchange: Exchange, fields: HeaderFields): KeptFields {
  const { inForce, route } = exchange
  const kept = passingOf(exchange, fields)
  const egress = route === undefined ? undefined : inForce.egressOf(route)
  const rules = route === undefined ? undefined : inForce.fieldsOf(route).response
  if (egress === undefined && rules === undefined) return kept
  const passed = egress === undefined ? kept.fields : egressResponseFields(egress, kept.fields)
  return new KeptFields(rules === undefined ? passed : rules.apply(passed))
}

/** Who is signed in is between the browser and the gateway: no upstream says it. */
function isLogin([name, value]: HeaderFields[number]): boolean {
  if (name.length !== 10 || name.toLowerCase() !== 'set-cookie') return false
  // Browsers have taken `=a=b` for `a=b`.
  return value.replace(/^[\s=]+/, '').startsWith(LOGIN_COOKIE_PREFIX)
}

/** The fields that every answer has. A receipt is one caller's: no shared cache may keep it. */
export function ownFields(exchange: Exchange, recorded: Recorded | undefined): HeaderFields {
  const { id, quotas, timing } = exchange
  const fields = standingFields(id, quotas, recorded)
  return timing === undefined ? fields : [...fields, ...timingFields(exchange)]
}

function standingFields(
  id: string,
  quotas: Exchange['quotas'],
  recorded: Recorded | undefined,
): HeaderFields {
  const limits = quotas === undefined ? [] : rateLimitFields(quotas)
  if (recorded === undefined) return [['x-request-id', id], ...limits]
  return [
    ['x-request-id', id],
    ...limits,
    receiptField(recorded),
    recorded.isDurable ? CACHED_WITHOUT_RECEIPT : CACHED_WITHOUT_PENDING,
  ]
}

const CACHED_WITHOUT_RECEIPT = ['cache-control', 'private="Countersign-Receipt"'] as const
const CACHED_WITHOUT_PENDING = ['cache-control', 'private="Countersign-Receipt-Pending"'] as const

/** Of a record that a crash could still take, its caller learns no place: only how to ask later. */
export function receiptField(recorded: Recorded): readonly [string, string] {
  if (!recorded.isDurable) return ['countersign-receipt-pending', recorded.pendingField]
  return ['countersign-receipt', recorded.receiptField]
}

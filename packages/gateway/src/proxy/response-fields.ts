import { rateLimitFields } from '../limits/index.ts'
import type { Exchange } from './exchange.ts'
import { endToEnd, type HeaderFields } from './header-fields.ts'
import type { Recorded } from './recording.ts'

/** Fields of an upstream's response that are ours to say. */
const OURS = new Set([
  'content-length',
  'x-request-id',
  'countersign-receipt',
  'ratelimit',
  'ratelimit-policy',
])

/** The upstream's fields, without those of its connection and without what only we may say. */
export function passFields({ inForce, route }: Exchange, fields: HeaderFields): HeaderFields {
  const passed = endToEnd(fields, (lowerCaseName) => OURS.has(lowerCaseName))
  const rules = route === undefined ? undefined : inForce.fieldsOf(route).response
  return rules === undefined ? passed : rules.apply(passed)
}

/** The fields that every answer has. A receipt is one caller's: no shared cache may keep it. */
export function ownFields({ id, quotas }: Exchange, recorded: Recorded | undefined): HeaderFields {
  const limits = quotas === undefined ? [] : rateLimitFields(quotas)
  if (recorded === undefined) return [['x-request-id', id], ...limits]
  return [
    ['x-request-id', id],
    ...limits,
    receiptField(recorded),
    ['cache-control', 'private="Countersign-Receipt"'],
  ]
}

export function receiptField(recorded: Recorded): readonly [string, string] {
  return ['countersign-receipt', recorded.receiptField]
}

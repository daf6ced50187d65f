import { fieldsOfLines, KeptFields, type MadeLines } from '../http1/index.ts'
import { LOGIN_COOKIE_PREFIX } from '../identity/index.ts'
import { egressResponseFields } from './egress/egress-fields.ts'
import { type Exchange, filled } from './exchange.ts'
import { isOursToTell } from './field-names.ts'
import { isGrpc } from './grpc.ts'
import { endToEnd, type HeaderFields, valuesOf } from './header-fields.ts'
import type { Recorded } from './recording.ts'
import { timingFields } from './server-timing.ts'

/** What the fields of an upstream's head say, whoever gets them. */
export interface LastHead {
  readonly fields: HeaderFields
  /** What passes of them whatever the route. */
  readonly passing: KeptFields
  /** `Content-Length`. */
  readonly claimed: string | undefined
  /** The same as a number; 0 where it is not said. */
  readonly claimedBytes: number
  readonly isEvents: boolean
  /** What follows is due when it happens; a call that ends with its head has nothing in it. */
  readonly isEager: boolean
}

/** Of the upstream's answer. Many have the same head as the one before, which was read then. */
export function readHead({ upstream, response }: Exchange): LastHead {
  const { fields } = filled(response, 'response')
  const known = upstream?.lastHead
  if (known?.fields === fields) return known
  const isEvents = EVENT_STREAM.test(valuesOf(fields, 'content-type')[0] ?? '')
  const claimed = valuesOf(fields, 'content-length')[0]
  const head: LastHead = {
    fields,
    passing: new KeptFields(endToEnd(fields, isOursToTell).filter((field) => !isLogin(field))),
    claimed,
    claimedBytes: Number(claimed ?? 0),
    isEvents,
    isEager: isEvents || (isGrpc(fields) && valuesOf(fields, 'grpc-status').length === 0),
  }
  if (upstream !== undefined) upstream.lastHead = head
  return head
}

const EVENT_STREAM = /^text\/event-stream[ \t]*(?:[;,]|$)/i

/** The upstream's fields, without those of its connection and without what only we may say. */
export function passFields(exchange: Exchange): KeptFields {
  const { inForce, route } = exchange
  const { passing } = readHead(exchange)
  const egress = route === undefined ? undefined : inForce.egressOf(route)
  const rules = route === undefined ? undefined : inForce.fieldsOf(route).response
  if (egress === undefined && rules === undefined) return passing
  const passed =
    egress === undefined ? passing.fields : egressResponseFields(egress, passing.fields)
  return new KeptFields(rules === undefined ? passed : rules.apply(passed))
}

/** Who is signed in is between the browser and the gateway: no upstream says it. */
function isLogin([name, value]: HeaderFields[number]): boolean {
  if (name.length !== 10 || name.toLowerCase() !== 'set-cookie') return false
  // Browsers have taken `=a=b` for `a=b`.
  return value.replace(/^[\s=]+/, '').startsWith(LOGIN_COOKIE_PREFIX)
}

/** The fields that every answer has. A receipt is one caller's: no shared cache may keep it. */
export function madeLines(exchange: Exchange, recorded: Recorded | undefined): MadeLines {
  const { id, quotaLines, timing } = exchange
  const timed = timing === undefined ? '' : linesOf(timingFields(exchange))
  return `x-request-id: ${id}\r\n${quotaLines}${receiptLines(recorded)}${timed}`
}

function receiptLines(recorded: Recorded | undefined): MadeLines {
  if (recorded === undefined) return ''
  if (recorded.isDurable) {
    return `countersign-receipt: ${recorded.receiptField}\r\n${CACHED_WITHOUT_RECEIPT}`
  }
  return `countersign-receipt-pending: ${recorded.pendingField}\r\n${CACHED_WITHOUT_PENDING}`
}

const CACHED_WITHOUT_RECEIPT = 'cache-control: private="Countersign-Receipt"\r\n'
const CACHED_WITHOUT_PENDING = 'cache-control: private="Countersign-Receipt-Pending"\r\n'

function linesOf(fields: HeaderFields): MadeLines {
  let lines = ''
  for (const [name, value] of fields) lines += `${name}: ${value}\r\n`
  return lines
}

/** The same, where they stand among others. */
export function ownFields(exchange: Exchange, recorded: Recorded | undefined): HeaderFields {
  return fieldsOfLines(madeLines(exchange, recorded))
}

/** Of a record that a crash could still take, its caller learns no place: only how to ask later. */
export function receiptField(recorded: Recorded): readonly [string, string] {
  if (!recorded.isDurable) return ['countersign-receipt-pending', recorded.pendingField]
  return ['countersign-receipt', recorded.receiptField]
}

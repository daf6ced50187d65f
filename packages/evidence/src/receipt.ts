import { decodeBase64, encodeBase64 } from '@countersign/tlog'
import { EvidenceError } from './error.ts'
import { LEAF_BYTES } from './leaf.ts'
import { parseUuid } from './uuid.ts'

/** The name of the header, and of the authentication scheme that opens a receipt. */
export const RECEIPT_HEADER = 'Countersign-Receipt'
/** Bytes of the value that opens a receipt. */
export const OPEN_BYTES = 16
/** Longest header value that is read. */
export const RECEIPT_CHARACTERS_MAX = 1024

/** What a caller holds: where its record is, what it commits to, and the right to see it. */
export interface Receipt extends ReceiptClaim {
  readonly epoch: number
  /** OPEN_BYTES of a MAC over `receiptMessage`, under a key of the gateway's. */
  readonly open: Uint8Array
}

/** The record that a receipt is for. */
export interface ReceiptClaim {
  readonly origin: string
  readonly index: number
  /** 33 bytes. */
  readonly leaf: Uint8Array
}

/**
 * Returns the value of the receipt header, a structured field (RFC 9651):
 * `"<origin>"; epoch=1; index=41; leaf=:…:; open=:…:`.
 *
 * @throws EvidenceError EVIDENCE_RECEIPT for an origin that is not printable ASCII
 */
export function formatReceipt({ origin, epoch, index, leaf, open }: Receipt): string {
  const bytes = `leaf=:${encodeBase64(leaf)}:; open=:${encodeBase64(open)}:`
  return `${receiptHead({ origin, epoch })}${index}; ${bytes}`
}

/**
 * Returns what all receipts of a log begin with: everything up to the index.
 *
 * @throws EvidenceError EVIDENCE_RECEIPT for an origin that is not printable ASCII
 */
export function receiptHead({ origin, epoch }: Pick<Receipt, 'origin' | 'epoch'>): string {
  if (!/^[ -~]+$/.test(origin)) {
    throw new EvidenceError('EVIDENCE_RECEIPT', 'origin is not printable ascii')
  }
  const name = origin.replaceAll(/["\\]/g, '\\$&')
  return `"${name}"; epoch=${epoch}; index=`
}

const ITEM = /^"((?:[ !#-[\]-~]|\\["\\])+)"/
const PARAMETER = /; *([a-z*][a-z0-9_.*-]*)(?:=("(?:[ !#-[\]-~]|\\["\\])*"|:[^:]*:|[^ ";:,]+))?/y
const INTEGER = /^(?:0|[1-9][0-9]{0,14})$/

/**
 * Returns the receipt that a header value holds. Parameters that it does not know are passed over;
 * one that is missing, given twice or not in its one spelling is an error.
 *
 * @throws EvidenceError EVIDENCE_RECEIPT
 */
export function parseReceipt(value: string): Receipt {
  if (value.length > RECEIPT_CHARACTERS_MAX) refuse(`is longer than ${RECEIPT_CHARACTERS_MAX}`)
  const text = value.replaceAll(/^ +| +$/g, '')
  const item = ITEM.exec(text)
  if (item === null) return refuse('has no origin')
  const parameters = readParameters(text, item[0].length)
  return {
    origin: (item[1] ?? '').replaceAll(/\\(.)/g, '$1'),
    epoch: integerOf(parameters, 'epoch'),
    index: integerOf(parameters, 'index'),
    leaf: bytesOf(parameters, 'leaf', LEAF_BYTES),
    open: bytesOf(parameters, 'open', OPEN_BYTES),
  }
}

/**
 * Returns the bytes that `open` authenticates:
 * "countersign/receipt/v1" || 0x00 || index u64 || leaf[33] || origin.
 */
export function receiptMessage({ origin, index, leaf }: ReceiptClaim): Uint8Array {
  const name = encoder.encode(origin)
  const message = new Uint8Array(LEAF_AT + LEAF_BYTES + name.length)
  message.set(MESSAGE_PREFIX)
  message.set(name, LEAF_AT + LEAF_BYTES)
  aimReceiptMessage(message, index, leaf)
  return message
}

/** Makes of one record's message that of another one of the same origin. */
export function aimReceiptMessage(message: Uint8Array, index: number, leaf: Uint8Array): void {
  let rest = index
  for (let at = LEAF_AT - 1; at >= MESSAGE_PREFIX.length; at--) {
    message[at] = rest % 256
    rest = Math.floor(rest / 256)
  }
  message.set(leaf, LEAF_AT)
}

/**
 * Returns the bytes that `open` of a receipt that is still to come authenticates:
 * "countersign/pending/v1" || 0x00 || id of the exchange[16] || origin.
 */
export function pendingReceiptMessage(of: {
  readonly origin: string
  readonly exchange: string
}): Uint8Array {
  const [id, name] = [parseUuid(of.exchange), encoder.encode(of.origin)]
  const message = new Uint8Array(PENDING_PREFIX.length + id.length + name.length)
  message.set(PENDING_PREFIX)
  message.set(id, PENDING_PREFIX.length)
  message.set(name, PENDING_PREFIX.length + id.length)
  return message
}

const encoder = new TextEncoder()
const PENDING_PREFIX = encoder.encode('countersign/pending/v1\0')
const MESSAGE_PREFIX = encoder.encode('countersign/receipt/v1\0')
const LEAF_AT = MESSAGE_PREFIX.length + 8

function readParameters(text: string, start: number): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>()
  for (let at = start; at < text.length; at = PARAMETER.lastIndex) {
    PARAMETER.lastIndex = at
    const [, name, value = ''] = PARAMETER.exec(text) ?? []
    if (name === undefined) return refuse(`is no structured field at ${at}`)
    if (parameters.has(name)) return refuse(`has two parameters ${name}`)
    parameters.set(name, value)
  }
  return parameters
}

function integerOf(parameters: ReadonlyMap<string, string>, name: string): number {
  const text = parameters.get(name) ?? ''
  return INTEGER.test(text) ? Number(text) : refuse(`has no integer ${name}`)
}

function bytesOf(
  parameters: ReadonlyMap<string, string>,
  name: string,
  length: number,
): Uint8Array {
  const text = parameters.get(name) ?? ''
  if (!/^:[^:]*:$/.test(text)) return refuse(`has no bytes ${name}`)
  const bytes = decode(text.slice(1, -1), name)
  return bytes.length === length ? bytes : refuse(`has ${bytes.length} bytes of ${name}`)
}

function decode(base64: string, name: string): Uint8Array {
  try {
    return decodeBase64(base64)
  } catch (cause) {
    throw new EvidenceError('EVIDENCE_RECEIPT', `receipt has bad base64 in ${name}`, { cause })
  }
}

function refuse(why: string): never {
  throw new EvidenceError('EVIDENCE_RECEIPT', `receipt ${why}`)
}

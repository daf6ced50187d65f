import { type GrpcFacts, REASONS, type Reason } from '@countersign/evidence'
import type { Exchange } from './exchange.ts'
import { type HeaderFields, valuesOf } from './header-fields.ts'
import type { MessageDigester } from './message-digests.ts'

const TYPE_FORM = /^application\/grpc(?:[+;]|$)/i
const TIMEOUT_FORM = /^([0-9]{1,8})([HMSmun])$/
const STATUS_FORM = /^(?:0|[1-9][0-9]{0,3})$/
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1 / 1000,
  n: 1 / 1_000_000,
}
/** A flag, then the length in four bytes. */
const PREFIX_BYTES = 5
const UNKNOWN_STATUS = 2

/** Statuses of gRPC for statuses of HTTP, and `grpc-status` is what a client goes by. */
const STATUS_OF: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 12,
  405: 12,
  408: 4,
  413: 8,
  414: 8,
  421: 14,
  429: 8,
  431: 8,
  499: 1,
  500: 13,
  501: 12,
  502: 14,
  503: 14,
  504: 4,
}

/**
 * Counts messages that have passed whole, by their prefixes; what they contain is digested, where
 * that is wanted, and not looked at.
 */
class MessageCounter {
  count = 0
  #prefix: number[] = []
  /** Of the message that has begun; none has while its prefix is not whole. */
  #left = 0

  add(chunk: Uint8Array, digester: MessageDigester | undefined): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#left === 0 && !this.#begins(chunk[at++] ?? 0)) continue
      const end = Math.min(at + this.#left, chunk.length)
      digester?.add(chunk.subarray(at, end))
      this.#left -= end - at
      at = end
      if (this.#left > 0) return
      this.count += 1
      digester?.end()
    }
  }

  /** Whether the prefix is whole with this byte. */
  #begins(byte: number): boolean {
    this.#prefix.push(byte)
    if (this.#prefix.length < PREFIX_BYTES) return false
    this.#left = Buffer.from(this.#prefix).readUInt32BE(1)
    this.#prefix = []
    return true
  }
}

/** Whether a message says that it is gRPC; gRPC-Web is not. */
export function isGrpc(fields: HeaderFields): boolean {
  return TYPE_FORM.test(valuesOf(fields, 'content-type')[0] ?? '')
}

/** Takes a call of gRPC for what it is: its messages are counted, and its deadline is kept. */
export function beginGrpc(exchange: Exchange): Reason | undefined {
  const { inbound, forwarded, received, deadlines, inForce } = exchange
  const timeouts = valuesOf(inbound.fields, 'grpc-timeout')
  const timeoutMs = timeouts.length === 0 ? undefined : readTimeoutMs(timeouts)
  if (Number.isNaN(timeoutMs)) return 'malformed-request'
  if (timeoutMs !== undefined && timeoutMs < inForce.limits.exchangeMs) {
    deadlines.set('exchange', timeoutMs, 'exchange-timeout')
  }
  const [requests, responses] = [new MessageCounter(), new MessageCounter()]
  forwarded.watch = (chunk) => requests.add(chunk, exchange.digests?.request)
  received.watch = (chunk) => responses.add(chunk, exchange.digests?.response)
  exchange.messages = () => ({ request: requests.count, response: responses.count })
  exchange.grpc = { timeoutMs }
  return undefined
}

/** NaN where it is none. */
function readTimeoutMs([value = '', second]: readonly string[]): number {
  const [, digits, unit = ''] = TIMEOUT_FORM.exec(value) ?? []
  const unitMs = UNIT_MS[unit]
  if (digits === undefined || unitMs === undefined || second !== undefined) return Number.NaN
  return Math.max(1, Math.round(Number(digits) * unitMs))
}

/** What is recorded of a call: its status, and the deadline that the client asked for. */
export function grpcFacts(exchange: Exchange, error: Reason | undefined): GrpcFacts | undefined {
  const { grpc, response, call } = exchange
  if (grpc === undefined) return undefined
  const status =
    error === undefined
      ? readStatus([...(call?.trailers ?? []), ...(response?.fields ?? [])])
      : grpcStatusOf(error)
  return { status, ...(grpc.timeoutMs === undefined ? {} : { timeoutMs: grpc.timeoutMs }) }
}

function readStatus(fields: HeaderFields): number {
  const [value = ''] = valuesOf(fields, 'grpc-status')
  return STATUS_FORM.test(value) ? Number(value) : UNKNOWN_STATUS
}

function grpcStatusOf(reason: Reason): number {
  return STATUS_OF[REASONS[reason].status] ?? UNKNOWN_STATUS
}

/** The status line of an answer of ours: gRPC has its own words for what went wrong. */
export function answerStatus({ inbound }: Exchange, reason: Reason): number {
  return isGrpc(inbound.fields) ? 200 : REASONS[reason].status
}

/** A refusal as gRPC clients read it: head and trailers in one. */
export function grpcRefusal(reason: Reason): HeaderFields {
  return [
    ['content-type', 'application/grpc'],
    ['grpc-status', String(grpcStatusOf(reason))],
    ['grpc-message', encodeURIComponent(`${REASONS[reason].meaning} (${reason})`)],
  ]
}

/** Why a side's frames cannot go on: what to close both sides with. */
export interface FrameFault {
  /** Status code of RFC 6455, section 7.4.1. */
  readonly code: 1002 | 1009
  readonly why: string
}

export interface FrameRules {
  /** Of clients, every frame is masked; of servers, none. */
  readonly isMasked: boolean
  /** Payload of one message, all its frames together; what is compressed counts as it comes. */
  readonly messageBytesMax: number
  /** permessage-deflate was agreed on: the first frame of a message may say that it is used. */
  readonly mayCompress: boolean
}

/** What may go on of a chunk; after a fault nothing follows. */
export interface FramesRead {
  readonly pass: Uint8Array
  /** Of these, the bytes of a close frame, which is their end. */
  readonly closeBytes: number
  readonly fault?: FrameFault
}

const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xa]
const OPCODES = new Set([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG])
const CONTROL_BYTES_MAX = 125
const NOTHING: Uint8Array = new Uint8Array()
/** What is meant where a close frame says nothing. */
const NO_CODE = 1005

interface Head {
  readonly isFinal: boolean
  readonly opcode: number
  readonly bytes: number
  readonly payloadBytes: number
  readonly maskAt: number | undefined
}

/** Whoever is told what messages contain, without their masks. */
interface MessageSink {
  add(bytes: Uint8Array): void
  end(): void
}

/**
 * Reads one side's frames as they pass, unchanged. A head, and a control frame whole, goes on only
 * when all of it is there and is as RFC 6455 says; payloads of messages go on as they come. So what
 * has gone on is at a frame's boundary, or inside a payload, and never inside a head.
 */
export class FrameReader {
  readonly #rules: FrameRules
  readonly #sink: MessageSink | undefined
  #held: Buffer | undefined
  /** Of the payload under way, where somebody is told of it: its next byte meets `#maskAt`. */
  #mask: Uint8Array | undefined
  #maskAt = 0
  #payloadLeft = 0
  /** Bytes of the message that has begun; undefined between messages. */
  #messageBytes: number | undefined
  #isLastFrame = false
  #messages = 0
  #closeCode: number | undefined

  constructor(rules: FrameRules, sink?: MessageSink) {
    this.#rules = rules
    this.#sink = sink
  }

  /** Messages that have passed whole. */
  get messages(): number {
    return this.#messages
  }

  /** What this side said when it closed; 1005: it closed and gave no code. */
  get closeCode(): number | undefined {
    return this.#closeCode
  }

  /** Another frame could be put in here. */
  get isAtBoundary(): boolean {
    return this.#payloadLeft === 0 && this.#closeCode === undefined
  }

  read(chunk: Uint8Array): FramesRead {
    const held = this.#held
    this.#held = undefined
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    const all = held === undefined ? bytes : Buffer.concat([held, bytes])
    let at = 0
    let closeBytes = 0
    while (at < all.length && this.#closeCode === undefined) {
      if (this.#payloadLeft > 0) {
        at += this.#takePayload(all.subarray(at))
        continue
      }
      const head = this.#readHead(all.subarray(at))
      if (head === undefined) {
        this.#held = Buffer.from(all.subarray(at))
        break
      }
      if ('code' in head) return { pass: all.subarray(0, at), closeBytes, fault: head }
      if (head.opcode === CLOSE) closeBytes = head.bytes + head.payloadBytes
      if (this.#sink !== undefined && head.maskAt !== undefined && head.opcode < CLOSE) {
        this.#mask = Buffer.from(all.subarray(at + head.maskAt, at + head.bytes))
        this.#maskAt = 0
      }
      at += head.bytes
      if (head.opcode < CLOSE) this.#begin(head)
      else at += head.payloadBytes
    }
    // What follows a close frame means nothing, and goes nowhere.
    return { pass: at === 0 ? NOTHING : all.subarray(0, at), closeBytes }
  }

  #takePayload(available: Uint8Array): number {
    const taken = Math.min(available.length, this.#payloadLeft)
    this.#sink?.add(this.#unmasked(available.subarray(0, taken)))
    this.#payloadLeft -= taken
    if (this.#payloadLeft === 0 && this.#isLastFrame) this.#endMessage()
    return taken
  }

  #unmasked(bytes: Uint8Array): Uint8Array {
    const mask = this.#mask
    if (mask === undefined) return bytes
    const plain = unmask(bytes, mask, this.#maskAt)
    this.#maskAt = (this.#maskAt + bytes.length) & 3
    return plain
  }

  #begin({ payloadBytes, isFinal }: Head): void {
    this.#messageBytes = (this.#messageBytes ?? 0) + payloadBytes
    this.#payloadLeft = payloadBytes
    this.#isLastFrame = isFinal
    if (payloadBytes === 0 && isFinal) this.#endMessage()
  }

  #endMessage(): void {
    this.#messages += 1
    this.#sink?.end()
    this.#messageBytes = undefined
    this.#isLastFrame = false
  }

  /** Undefined: more of it is to come. Of a control frame the head is all of it. */
  #readHead(bytes: Buffer): Head | FrameFault | undefined {
    const [first = 0, second] = bytes
    if (second === undefined) return this.#checkFirst(first)
    const wrong = this.#checkFirst(first) ?? this.#checkSecond(first, second)
    if (wrong !== undefined) return wrong
    const short = second & 0x7f
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
    const maskBytes = this.#rules.isMasked ? 4 : 0
    const headBytes = 2 + lengthBytes + maskBytes
    if (bytes.length < 2 + lengthBytes) return undefined
    const payloadBytes = payloadLength(bytes, short)
    if (payloadBytes === undefined) return fault('a length that is not the shortest of its kind')
    const opcode = first & 0x0f
    const isControl = opcode >= CLOSE
    if (!isControl && (this.#messageBytes ?? 0) + payloadBytes > this.#rules.messageBytesMax) {
      return { code: 1009, why: `a message of more than ${this.#rules.messageBytesMax} bytes` }
    }
    if (bytes.length < headBytes + (isControl ? payloadBytes : 0)) return undefined
    const maskAt = maskBytes === 0 ? undefined : 2 + lengthBytes
    const head = { isFinal: first >= 0x80, opcode, bytes: headBytes, payloadBytes, maskAt }
    if (opcode !== CLOSE) return head
    return this.#readClose(bytes, head) ?? head
  }

  #checkFirst(first: number): FrameFault | undefined {
    const opcode = first & 0x0f
    const isFirstOfMessage = opcode === TEXT || opcode === BINARY
    const reserved = first & 0x70
    const allowed = this.#rules.mayCompress && isFirstOfMessage ? 0x40 : 0
    if ((reserved & ~allowed) !== 0) return fault('a reserved bit that was not agreed on')
    if (!OPCODES.has(opcode)) return fault('an opcode that is not known')
    if (opcode >= CLOSE) return first >= 0x80 ? undefined : fault('a control frame in pieces')
    const isInside = this.#messageBytes !== undefined
    if (isInside === isFirstOfMessage) {
      return fault(isInside ? 'a message inside another' : 'a continuation of nothing')
    }
    return undefined
  }

  #checkSecond(first: number, second: number): FrameFault | undefined {
    const isMasked = second >= 0x80
    if (isMasked !== this.#rules.isMasked) {
      return fault(isMasked ? 'a frame of a server that is masked' : 'a frame that is not masked')
    }
    const isControl = (first & 0x0f) >= CLOSE
    return isControl && (second & 0x7f) > CONTROL_BYTES_MAX
      ? fault('a control frame that is too long')
      : undefined
  }

  #readClose(bytes: Buffer, head: Head): FrameFault | undefined {
    const masked = bytes.subarray(head.bytes, head.bytes + head.payloadBytes)
    const { maskAt } = head
    const payload =
      maskAt === undefined ? masked : unmask(masked, bytes.subarray(maskAt, head.bytes), 0)
    if (payload.length === 1) return fault('half a status code')
    const code = payload.length === 0 ? NO_CODE : payload.readUInt16BE(0)
    if (payload.length > 0 && !isStatusCode(code)) return fault(`status code ${code}`)
    if (!isUtf8Text(payload.subarray(2))) return fault('a reason that is not UTF-8')
    this.#closeCode = code
    return undefined
  }
}

/** A copy of `bytes`, the first of which meets the mask at `from`. */
function unmask(bytes: Uint8Array, mask: Uint8Array, from: number): Buffer {
  const plain = Buffer.allocUnsafe(bytes.length)
  for (let at = 0; at < bytes.length; at += 1) {
    plain[at] = (bytes[at] ?? 0) ^ (mask[(from + at) & 3] ?? 0)
  }
  return plain
}

/** Undefined where a shorter form would have done, or no such message could be. */
function payloadLength(bytes: Buffer, short: number): number | undefined {
  if (short < 126) return short
  if (short === 126) {
    const length = bytes.readUInt16BE(2)
    return length < 126 ? undefined : length
  }
  const length = bytes.readBigUInt64BE(2)
  if (length < 65_536n || length >= 1n << 63n) return undefined
  return Number(length)
}

/** Those that may be said on the wire (RFC 6455, section 7.4, and the registry since). */
function isStatusCode(code: number): boolean {
  if (code >= 3000) return code <= 4999
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })

function isUtf8Text(bytes: Uint8Array): boolean {
  try {
    UTF8.decode(bytes)
    return true
  } catch {
    return false // What it is instead does not matter.
  }
}

function fault(why: string): FrameFault {
  return { code: 1002, why }
}

/** A close frame of our own: masked where it goes to a server. */
export function closeFrame(code: number, reason: string, mask: Uint8Array | undefined): Uint8Array {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code, 0)
  payload.write(reason, 2)
  const head = Buffer.of(0x80 | CLOSE, payload.length | (mask === undefined ? 0 : 0x80))
  if (mask === undefined) return Buffer.concat([head, payload])
  return Buffer.concat([head, mask, unmask(payload, mask, 0)])
}

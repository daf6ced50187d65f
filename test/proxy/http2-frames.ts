// HTTP/2 frames as they are, for what a client library would not send (RFC 9113, RFC 7541).
import { connect, type Socket } from 'node:net'

export const FRAMES = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const
export const END_STREAM = 1
export const END_HEADERS = 4

export type Field = readonly [name: string, value: string]

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

const HEADER_BYTES = 9

export function frame(
  type: keyof typeof FRAMES,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUIntBE(payload.length, 0, 3)
  header[3] = FRAMES[type]
  header[4] = flags
  header.writeUInt32BE(stream, 5)
  return Buffer.concat([header, payload])
}

/** Literals that nothing is remembered of, without Huffman's code. */
export function block(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]))
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  return Buffer.concat([integer(bytes.length, 7), bytes])
}

function integer(value: number, bits: number): Buffer {
  const max = 2 ** bits - 1
  if (value < max) return Buffer.of(value)
  const rest: number[] = [max]
  let left = value - max
  for (; left >= 128; left = Math.floor(left / 128)) rest.push((left % 128) + 128)
  return Buffer.from([...rest, left])
}

export const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame('settings', 0, 0),
])

/** One connection; whatever comes back is kept, frame by frame. */
export class FrameClient {
  readonly frames: Frame[] = []
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #wake: () => void = () => undefined
  isClosed = false

  constructor(port: number, { preface = PREFACE }: { readonly preface?: Buffer } = {}) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#socket.on('error', () => undefined)
    this.#socket.on('close', () => {
      this.isClosed = true
      this.#wake()
    })
    this.#socket.write(preface)
  }

  /** Ours; records tell by it which connection it was. */
  get port(): number {
    return this.#socket.localPort ?? 0
  }

  send(...frames: readonly Uint8Array[]): void {
    this.#socket.write(Buffer.concat(frames))
  }

  /** Waits for a frame of that type, and stream if given; undefined: the connection ended first. */
  async next(type: keyof typeof FRAMES, stream?: number): Promise<Frame | undefined> {
    for (;;) {
      const found = this.frames.find((each) => {
        return each.type === FRAMES[type] && (stream === undefined || each.stream === stream)
      })
      if (found !== undefined || this.isClosed) return found
      await this.#more()
    }
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await this.#more()
  }

  /** What becomes of a stream: a status, a code of RST_STREAM or of GOAWAY, or the end. */
  async fate(stream: number): Promise<string> {
    for (;;) {
      for (const { type, stream: of, payload } of this.frames) {
        if (type === FRAMES.headers && of === stream) return `status ${statusOf(payload)}`
        if (type === FRAMES.reset && of === stream) return `reset ${payload.readUInt32BE(0)}`
        const code = type === FRAMES.goaway ? payload.readUInt32BE(4) : 0
        if (code !== 0) return `goaway ${code}`
      }
      if (this.isClosed) return 'closed'
      await this.#more()
    }
  }

  end(): void {
    this.#socket.destroy()
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    for (;;) {
      const length = this.#received.length < HEADER_BYTES ? -1 : this.#received.readUIntBE(0, 3)
      if (length < 0 || this.#received.length < HEADER_BYTES + length) break
      const [type = 0, flags = 0] = [this.#received[3], this.#received[4]]
      const stream = this.#received.readUInt32BE(5)
      const payload = this.#received.subarray(HEADER_BYTES, HEADER_BYTES + length)
      this.frames.push({ type, flags, stream, payload })
      this.#received = this.#received.subarray(HEADER_BYTES + length)
    }
    this.#wake()
  }
}

const STATIC_STATUSES = [200, 204, 206, 304, 400, 404, 500]
const FIRST_STATIC_STATUS = 8
/** Huffman's code of digits: five bits up to 2, six from 3 (RFC 7541, appendix B). */
const SHORT_DIGITS = 3
const FIRST_LONG_DIGIT = 0x19

/** The status stands first; of the rest of the block nothing is asked. */
export function statusOf(payload: Buffer): number {
  const first = payload[0] ?? 0
  if (first >= 128) return STATIC_STATUSES[(first & 127) - FIRST_STATIC_STATUS] ?? 0
  const length = payload[1] ?? 0
  const bytes = payload.subarray(2, 2 + (length & 127))
  return Number(length >= 128 ? digits(bytes) : bytes.toString('latin1'))
}

function digits(bytes: Buffer): string {
  let bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  let found = ''
  while (found.length < 3) {
    const short = Number.parseInt(bits.slice(0, 5), 2)
    const isShort = short < SHORT_DIGITS
    found += isShort
      ? short
      : Number.parseInt(bits.slice(0, 6), 2) - FIRST_LONG_DIGIT + SHORT_DIGITS
    bits = bits.slice(isShort ? 5 : 6)
  }
  return found
}

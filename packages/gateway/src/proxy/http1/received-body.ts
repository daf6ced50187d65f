import { addPiece } from '../pieces.ts'

/** Bytes that wait for their reader before the client is made to wait. */
const WAITING_BYTES_MAX = 65_536
const NOTHING = new Uint8Array()

/**
 * The body of a request as it comes, for whoever reads it. What has come in several pieces is read
 * as one: a body in chunks of one byte must not cost a write for each.
 */
export class ReceivedBody implements AsyncIterator<Uint8Array> {
  readonly #wants: () => void
  #chunks: Uint8Array[] = []
  #waitingBytes = 0
  #hasEnded = false
  #wake: (() => void) | undefined

  /** `wants` is called when there is room for more again. */
  constructor(wants: () => void) {
    this.#wants = wants
  }

  get isFull(): boolean {
    return this.#waitingBytes > WAITING_BYTES_MAX
  }

  add(chunk: Uint8Array): void {
    addPiece(this.#chunks, chunk)
    this.#waitingBytes += chunk.length
    this.#wake?.()
  }

  end(): void {
    this.#hasEnded = true
    this.#wake?.()
  }

  /** Nobody will read it. */
  drop(): void {
    this.#chunks = []
    this.#waitingBytes = 0
  }

  /** What does not come any more never resolves: whoever breaks it off says so elsewhere. */
  async next(): Promise<IteratorResult<Uint8Array>> {
    while (this.#chunks.length === 0) {
      if (this.#hasEnded) return { done: true, value: undefined }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const [first = NOTHING, second] = this.#chunks
    const value = second === undefined ? first : Buffer.concat(this.#chunks)
    const wasFull = this.isFull
    this.drop()
    if (wasFull) this.#wants()
    return { done: false, value }
  }
}

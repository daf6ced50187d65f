import type { Socket } from 'node:net'
import { Views, writeLatin1 } from '../../platform/index.ts'

/** What is sent of an answer at a time: text around bytes. */
export interface Piece {
  readonly before: string
  readonly bytes: Uint8Array
  readonly after: string
}

const MEMORY_BYTES = 16_384

/**
 * Memory in which what belongs together is put in one piece. It is used again for the next one, of
 * whichever connection: mostly the operating system has taken it when the call returns.
 */
export class OnePiece {
  #memory = Buffer.allocUnsafeSlow(MEMORY_BYTES)
  #views = new Views(this.#memory)

  /** Says whether more may follow at once; undefined where there is no room for so much. */
  write(socket: Socket, { before, bytes, after }: Piece): boolean | undefined {
    const end = before.length + bytes.length
    const length = end + after.length
    if (length > MEMORY_BYTES) return undefined
    const memory = this.#memory
    writeLatin1(memory, 0, before, before.length)
    memory.set(bytes, before.length)
    if (after !== '') writeLatin1(memory, end, after, after.length)
    const goesOn = socket.write(this.#views.upTo(length))
    // What was not taken is still to be read: it is left to the socket.
    if (socket.writableLength > 0) this.#renew()
    return goesOn
  }

  #renew(): void {
    this.#memory = Buffer.allocUnsafeSlow(MEMORY_BYTES)
    this.#views = new Views(this.#memory)
  }
}

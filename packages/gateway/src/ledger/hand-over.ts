import type { LeafIndex, TreeSize } from '@countersign/tlog'
import type { Clock, Timer } from '../platform/index.ts'
import type { Integration, Settled } from './integration.ts'
import { SpareMemory } from './spare-memory.ts'

/** What is handed over at once; a batch as large goes on its own. */
export const HAND_OVER_BYTES = 262_144
/** Beyond it a batch is not copied: its memory goes with it. */
const COPIED_BYTES_MAX = 2_097_152
/** How long a batch waits for others. Nobody waits for it but the next checkpoint. */
export const HAND_OVER_MS = 40

export interface HandOverOptions {
  readonly integration: Integration
  readonly clock: Clock
}

/**
 * What is acknowledged, on its way to the integration: small batches wait for each other, since a
 * message to another thread costs more than what it carries. What waits here is durable already; a
 * crash leaves it to the start-up, as it does what the integration had not written yet.
 */
export class HandOver {
  readonly #integration: Integration
  readonly #clock: Clock
  readonly #memory = new SpareMemory(HAND_OVER_BYTES)
  #waiting: Uint8Array | undefined
  #first = 0
  #count = 0
  #length = 0
  #timer: Timer | undefined

  constructor({ integration, clock }: HandOverOptions) {
    this.#integration = integration
    this.#clock = clock
    integration.onSpent((spent) => {
      for (const memory of spent) this.#memory.give(memory)
    })
  }

  /** Takes the next entries in order. True: their memory is given away. */
  add(first: LeafIndex, count: number, plain: Uint8Array<ArrayBuffer>): boolean {
    if (this.#length + plain.length > HAND_OVER_BYTES) this.#flush()
    if (plain.length > COPIED_BYTES_MAX) {
      this.#integration.add({ first, count, plain })
      return true
    }
    this.#waiting ??= this.#memory.take(plain.length)
    if (this.#count === 0) this.#first = first
    // `set` goes word by word where memory is shared; nobody else looks at this one yet.
    Buffer.from(plain.buffer, plain.byteOffset, plain.length).copy(this.#waiting, this.#length)
    this.#count += count
    this.#length += plain.length
    if (this.#length >= HAND_OVER_BYTES) this.#flush()
    else this.#timer ??= this.#clock.after(HAND_OVER_MS, () => this.#flush())
    return false
  }

  /** Settles everything that was added. */
  settle(): Promise<Settled> {
    this.#flush()
    return this.#integration.settle()
  }

  collect(size: TreeSize): Promise<void> {
    return this.#integration.collect(size)
  }

  /** What still waits is given up: whoever wants it integrated settles before. */
  close(): Promise<void> {
    this.#timer?.cancel()
    this.#count = 0
    this.#length = 0
    return this.#integration.close()
  }

  #flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#waiting === undefined || this.#count === 0) return
    const plain = this.#waiting.subarray(0, this.#length)
    const batch = { first: this.#first as LeafIndex, count: this.#count, plain }
    this.#waiting = undefined
    this.#count = 0
    this.#length = 0
    this.#integration.add(batch)
  }
}

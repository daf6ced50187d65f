import { Violation } from './model.ts'

/** What the tag of a window's entry says, as docs/format.md has it: UUIDv8, 1, then the bounds. */
export interface WindowBounds {
  readonly recordsMax: number
  readonly windowMs: number
}

interface DurableWindow extends WindowBounds {
  readonly index: number
  readonly beganMs: number
}

export function windowOf(tag: Uint8Array | undefined): WindowBounds | undefined {
  if (tag === undefined) return undefined
  const bytes = Buffer.from(tag)
  if (bytes[6] !== 0x80 || bytes[7] !== 1) return undefined
  return { recordsMax: bytes.readUInt32BE(9), windowMs: bytes.readUIntBE(13, 3) }
}

/** Records that were acted on and are not durable: what a crash may take. */
export class Risk {
  /** What lives that are over may have lost, by leaf. */
  readonly mayBeLost = new Set<string>()
  /** The bounds that those lives had durable when they ended. */
  lostMax = 0
  /** As the last audit found. */
  lost = 0
  readonly #pending = new Set<string>()
  #window: DurableWindow | undefined

  /** The record of a window is durable, appended at `beganMs`. */
  begin(index: number, bounds: WindowBounds, beganMs: number): void {
    this.#window = { index, ...bounds, beganMs }
  }

  end(index: number): void {
    if (this.#window?.index === index) this.#window = undefined
  }

  /** Somebody outside sees what came of a record that is not durable. */
  take(leaf: string, nowMs: number): void {
    const window = this.#window
    const property = 'nothing is acted on without a window'
    if (window === undefined) throw new Violation(property, 'none is durable')
    this.#pending.add(leaf)
    if (this.#pending.size > window.recordsMax) {
      throw new Violation(property, `${this.#pending.size} of ${window.recordsMax} at once`)
    }
    if (nowMs - window.beganMs <= window.windowMs) return
    throw new Violation(property, `${nowMs - window.beganMs} ms after window ${window.index}`)
  }

  isPending(leaf: string): boolean {
    return this.#pending.has(leaf)
  }

  durable(leaf: string): void {
    this.#pending.delete(leaf)
  }

  /** A life ended, in whatever way. */
  endLife(): void {
    for (const leaf of this.#pending) this.mayBeLost.add(leaf)
    this.lostMax += this.#window?.recordsMax ?? 0
    this.#pending.clear()
    this.#window = undefined
  }
}

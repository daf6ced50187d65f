import type { CaptureFacts, SampleFacts } from '@countersign/evidence'
import { BodyMeter } from '../body-meter.ts'
import type { CapturedBody } from '../recording.ts'
import type { BodyCapture } from './body-capture.ts'
import type { Direction } from './capture-config.ts'

/** What becomes of one body of an exchange. */
interface Side {
  readonly capture: BodyCapture
  facts: CaptureFacts | undefined
  ending: Promise<boolean> | undefined
}

/** Made for the first byte of a body; undefined where it is not to be kept. */
export type Open = (
  direction: Direction,
) => BodyCapture | { readonly uncaptured: string } | undefined

/**
 * The bodies of one exchange of a route that captures. What cannot be kept is told once, at its
 * end; whoever must not go on without it asks then.
 */
export class ExchangeCapture {
  /** What chance said, of a route that captures only some. */
  readonly sample: SampleFacts | undefined
  /** Of the request body: read, captured, and not sent on yet. */
  readonly early: Uint8Array[] = []
  /** What was read of the request body before its record. */
  readonly read: BodyMeter = new BodyMeter()
  /** The request body was read to its end before anything was sent on. */
  isRead = false
  readonly #open: Open
  readonly #onFault: (fault: unknown) => void
  readonly #sides = new Map<Direction, Side | CaptureFacts>()
  #hasFailed = false

  constructor(parts: {
    readonly sample: SampleFacts | undefined
    readonly open: Open
    /** What must be kept cannot be. */
    readonly onFault: (fault: unknown) => void
  }) {
    this.sample = parts.sample
    this.#open = parts.open
    this.#onFault = parts.onFault
  }

  /** The next bytes of a body; a promise where the disk is behind. Never throws. */
  add(direction: Direction, chunk: Uint8Array): undefined | Promise<void> {
    if (chunk.length === 0) return undefined
    const side = this.#side(direction)
    if (side === undefined || !('capture' in side) || side.facts !== undefined) return undefined
    try {
      return side.capture.add(chunk)?.catch((fault: unknown) => this.#failed(side, fault))
    } catch (fault) {
      this.#failed(side, fault)
      return undefined
    }
  }

  /** Whether what was to be kept is: asked when a body has ended, or will go no further. */
  async end(direction: Direction, isWhole: boolean): Promise<boolean> {
    const side = this.#sides.get(direction)
    if (side === undefined || !('capture' in side)) return true
    side.ending ??= this.#end(side, isWhole)
    return side.ending
  }

  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** What a record says of a body. */
  facts(direction: Direction): CaptureFacts | undefined {
    const side = this.#sides.get(direction)
    return side !== undefined && 'capture' in side ? side.facts : side
  }

  /** Why it is not kept is known without having seen it. */
  leave(direction: Direction, uncaptured: string): void {
    if (!this.#sides.has(direction)) this.#sides.set(direction, { uncaptured })
  }

  /** Bodies for the record that is written next: whoever writes it answers for them. */
  take(): readonly CapturedBody[] | undefined {
    const bodies: CapturedBody[] = []
    for (const side of this.#sides.values()) {
      if (!('capture' in side) || side.capture.body === undefined) continue
      if (side.facts?.captured === undefined) continue
      bodies.push(side.capture.body)
      side.capture.body = undefined
    }
    return bodies.length === 0 ? undefined : bodies
  }

  /** No record is to name the body after all. */
  lose(direction: Direction): void {
    const side = this.#sides.get(direction)
    if (side !== undefined && 'capture' in side) side.facts = { uncaptured: 'failed' }
  }

  /** Removes what no record has named. */
  async close(forget: (body: CapturedBody) => Promise<void>): Promise<void> {
    for (const side of this.#sides.values()) {
      if ('capture' in side) await side.capture.close(forget)
    }
  }

  #side(direction: Direction): Side | CaptureFacts | undefined {
    const known = this.#sides.get(direction)
    if (known !== undefined) return known
    const opened = this.#open(direction)
    if (opened === undefined) return undefined
    const side =
      'uncaptured' in opened ? opened : { capture: opened, facts: undefined, ending: undefined }
    this.#sides.set(direction, side)
    return side
  }

  async #end(side: Side, isWhole: boolean): Promise<boolean> {
    if (side.facts !== undefined) return side.facts.uncaptured !== 'failed'
    try {
      const facts = await side.capture.end(isWhole)
      side.facts ??= facts
    } catch (fault) {
      this.#failed(side, fault)
    }
    return side.facts?.uncaptured !== 'failed'
  }

  #failed(side: Side, fault: unknown): void {
    if (side.facts?.uncaptured === 'failed') return
    side.facts = { uncaptured: 'failed' }
    this.#hasFailed = true
    this.#onFault(fault)
  }
}

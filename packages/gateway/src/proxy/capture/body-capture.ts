import type { CapturedFacts, CaptureFacts } from '@countersign/evidence'
import { addPiece } from '../pieces.ts'
import { type BodySink, type CapturedBody, sealedFacts } from '../recording.ts'
import type { BodyType } from './body-type.ts'
import type { CaptureMemory } from './capture-memory.ts'
import { decodeContent } from './decode-content.ts'
import type { Redaction } from './redaction.ts'
import type { Redactor } from './redactor.ts'

/** What a stream has in memory: a chunk that fills, and one that is written. */
const STREAM_BYTES = 131_072

export interface BodyCaptureOptions {
  readonly type: BodyType
  readonly bodyBytesMax: number
  /** Undefined: nothing is taken out, and the body is sealed as it comes. */
  readonly redaction: Redaction | undefined
  readonly redactor: Redactor
  readonly memory: CaptureMemory
  /** Of all captures in flight. */
  readonly memoryBytesMax: number
  readonly begin: () => Promise<BodySink>
}

/** A body must be kept and cannot be. */
export class CaptureFault extends Error {}

/**
 * One body on its way to the disk. Without redaction it is sealed chunk by chunk, and what is more
 * than it may be is left out; with it, it is kept whole or not at all, so that nothing is cut in
 * the middle of what should have been taken out.
 */
export class BodyCapture {
  readonly #options: BodyCaptureOptions
  #held: Uint8Array[] = []
  #writer: BodySink | undefined
  #bytes = 0
  #memoryBytes = 0
  #uncaptured: string | undefined
  #isOver = false
  /** The last piece of a stream, on its way. */
  #adding: Promise<void> | undefined
  #end: Promise<CaptureFacts> | undefined
  /** Sealed, and named by no record yet. */
  body: CapturedBody | undefined

  constructor(options: BodyCaptureOptions) {
    this.#options = options
    if (options.redaction?.takes(options.type) === false) this.#uncaptured = 'type'
  }

  /** The next bytes, which must not change; a promise where the disk is behind. May throw. */
  add(chunk: Uint8Array): undefined | Promise<void> {
    if (chunk.length === 0 || this.#isOver || this.#uncaptured !== undefined) return undefined
    this.#bytes += chunk.length
    if (this.#options.redaction !== undefined) return this.#hold(chunk)
    this.#adding = this.#stream(chunk)
    return this.#adding
  }

  /**
   * What there is to say of it, when what is kept is durable; undefined members for an empty body.
   * Throws where it cannot be kept. `isWhole`: its last byte was seen.
   */
  end(isWhole: boolean): Promise<CaptureFacts> {
    this.#end ??= this.#finish(isWhole).finally(() => this.#release())
    this.#isOver = true
    return this.#end
  }

  /** Leaves nothing behind of what no record names. */
  async close(forget: (body: CapturedBody) => Promise<void>): Promise<void> {
    this.#isOver = true
    this.#release()
    // Of what is on its way it shows only then whether there is something to remove.
    await Promise.allSettled([this.#adding, this.#end])
    const { body } = this
    this.body = undefined
    if (body !== undefined) await forget(body)
    else if (this.#end === undefined) await this.#writer?.abandon()
  }

  #hold(chunk: Uint8Array): undefined {
    const { bodyBytesMax } = this.#options
    if (this.#bytes > bodyBytesMax) {
      this.#uncaptured = 'too-large'
      this.#release()
      return undefined
    }
    this.#take(chunk.length)
    addPiece(this.#held, chunk)
    return undefined
  }

  async #stream(chunk: Uint8Array): Promise<void> {
    const room = this.#options.bodyBytesMax - (this.#bytes - chunk.length)
    if (room <= 0) return
    if (this.#writer === undefined) this.#take(STREAM_BYTES)
    this.#writer ??= await this.#options.begin()
    await this.#writer.add(chunk.length > room ? chunk.subarray(0, room) : chunk)
  }

  async #finish(isWhole: boolean): Promise<CaptureFacts> {
    try {
      return this.#options.redaction === undefined
        ? await this.#finishStream(isWhole)
        : await this.#finishHeld(this.#options.redaction, isWhole)
    } catch (cause) {
      await this.#writer?.abandon()
      throw cause
    }
  }

  async #finishStream(isWhole: boolean): Promise<CaptureFacts> {
    if (this.#uncaptured !== undefined) return { uncaptured: this.#uncaptured }
    await this.#adding
    if (this.#writer === undefined) return {}
    const { type, bodyBytesMax } = this.#options
    const isCut = !isWhole || this.#bytes > bodyBytesMax
    const { coding } = type
    return this.#seal(this.#writer, {
      ...(coding === undefined ? {} : { coding }),
      ...(isCut ? { truncated: true as const } : {}),
    })
  }

  async #finishHeld(redaction: Redaction, isWhole: boolean): Promise<CaptureFacts> {
    const { type, bodyBytesMax, redactor } = this.#options
    if (this.#uncaptured !== undefined) return { uncaptured: this.#uncaptured }
    if (this.#bytes === 0) return {}
    if (!isWhole) return { uncaptured: 'incomplete' }
    let bytes: Uint8Array = Buffer.concat(this.#held)
    this.#held = []
    if (type.coding !== undefined) {
      this.#take(bodyBytesMax)
      const decoded = await decodeContent(type.coding, bytes, bodyBytesMax)
      if (typeof decoded === 'string') return { uncaptured: decoded }
      bytes = decoded.bytes
    }
    const redacted = await redactor.redact(bytes, type, redaction)
    if ('uncaptured' in redacted) return redacted
    const { redactions } = redacted
    this.#writer = await this.#options.begin()
    await this.#writer.add(redacted.bytes)
    return this.#seal(this.#writer, {
      ...(type.coding === undefined ? {} : { decoded: type.coding }),
      ...(redactions.length === 0 ? {} : { redactions }),
    })
  }

  async #seal(
    writer: BodySink,
    more: Pick<CapturedFacts, 'coding' | 'decoded' | 'truncated' | 'redactions'>,
  ): Promise<CaptureFacts> {
    const body = await writer.finish()
    this.body = body
    const { type } = this.#options.type
    return { captured: { ...sealedFacts(body), ...(type === undefined ? {} : { type }), ...more } }
  }

  #take(bytes: number): void {
    const { memory, memoryBytesMax } = this.#options
    if (!memory.take(bytes, memoryBytesMax)) {
      const message = `captures in flight hold ${memory.bytes} bytes of ${memoryBytesMax}`
      throw new CaptureFault(message)
    }
    this.#memoryBytes += bytes
  }

  #release(): void {
    this.#held = []
    this.#options.memory.give(this.#memoryBytes)
    this.#memoryBytes = 0
  }
}

import type { Duplex } from 'node:stream'
import type { CloseFacts, MessageCounts } from '@countersign/evidence'
import type { BodyMeter } from '../body-meter.ts'
import type { ExchangeDigests } from '../message-digests.ts'
import { closeFrame, type FrameFault, FrameReader } from './frame-reader.ts'

/** Why nothing more goes through. */
export type TunnelEnd =
  /** Both have said that they close, or the upstream has: its close frame is held back. */
  | { readonly kind: 'closed'; readonly close: CloseFacts }
  | { readonly kind: 'gone'; readonly who: 'client' | 'upstream' }
  | { readonly kind: 'refused'; readonly whose: 'client' | 'upstream'; readonly fault: FrameFault }

interface TunnelParts {
  readonly client: Duplex
  /** Ends the client's side at once. */
  readonly breakClient: () => void
  readonly upstream: Duplex
  readonly messageBytesMax: number
  readonly mayCompress: boolean
  /** Bytes that go to the upstream, and to the client. */
  readonly meters: { readonly request: BodyMeter; readonly response: BodyMeter }
  /** Told of the messages, where that is wanted. */
  readonly digests: ExchangeDigests | undefined
  /** Something has passed, or somebody takes nothing. */
  readonly onPass: () => void
  readonly onStall: (who: 'client' | 'upstream', isStalled: boolean) => void
  /** The client has said that it closes: what the upstream answers is not here yet. */
  readonly onClosing: () => void
  readonly onEnd: (end: TunnelEnd) => void
}

type Side = 'client' | 'upstream'

/**
 * A WebSocket between two streams: frames pass as they are, at the pace of whoever takes them.
 * The upstream's close frame is the end of the response, and is held back for `finish`.
 */
export class Tunnel {
  readonly #parts: TunnelParts
  readonly #readers: Readonly<Record<Side, FrameReader>>
  #hasEnded = false
  /** What ends the response: the upstream's close frame. */
  #held: Uint8Array | undefined
  #first: Side | undefined
  readonly #listeners: (() => void)[] = []

  constructor(parts: TunnelParts) {
    this.#parts = parts
    const { messageBytesMax, mayCompress, digests } = parts
    const rules = { messageBytesMax, mayCompress }
    this.#readers = {
      client: new FrameReader({ ...rules, isMasked: true }, digests?.request),
      upstream: new FrameReader({ ...rules, isMasked: false }, digests?.response),
    }
  }

  get messages(): MessageCounts {
    const { client, upstream } = this.#readers
    return { request: client.messages, response: upstream.messages }
  }

  /** Begins with what came early, of each side. */
  start(early: { readonly client: Uint8Array; readonly upstream: Uint8Array }): void {
    for (const side of ['client', 'upstream'] as const) {
      const [source, target] = this.#pair(side)
      this.#on(source, 'data', (chunk: Uint8Array) => this.#take(side, chunk))
      this.#on(source, 'end', () => this.#gone(side, false))
      this.#on(source, 'close', () => this.#gone(side, true))
      this.#on(source, 'error', () => this.#gone(side, true))
      this.#on(target, 'drain', () => {
        this.#parts.onStall(otherSide(side), false)
        source.resume()
      })
    }
    this.#take('client', early.client)
    this.#take('upstream', early.upstream)
    if (this.#hasEnded) return
    for (const side of ['client', 'upstream'] as const) {
      const [source, target] = this.#pair(side)
      if (!target.writableNeedDrain) source.resume()
    }
  }

  /** Nothing passes any more; `finish` or `destroy` follows. */
  stop(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    for (const forget of this.#listeners) forget()
    for (const stream of [this.#parts.client, this.#parts.upstream]) {
      stream.pause()
      stream.on('error', () => undefined)
    }
  }

  /** Says goodbye where it can be said: between two frames. Elsewhere it is cut. */
  say(code: number, reason: string, mask: Uint8Array, done: () => void): void {
    const { client, upstream } = this.#parts
    const { client: fromClient, upstream: fromUpstream } = this.#readers
    if (fromUpstream.isAtBoundary) client.end(closeFrame(code, reason, undefined))
    else this.#parts.breakClient()
    if (fromClient.isAtBoundary) upstream.end(closeFrame(code, reason, mask))
    else upstream.destroy()
    afterBoth(client, upstream, done)
  }

  /**
   * Releases the upstream's close frame. If the upstream closed first, the client's answer to it is
   * passed on; nothing else of the client is. Calls back when both sides are done.
   */
  finish(done: () => void): void {
    const { client, upstream } = this.#parts
    const close = this.#held ?? new Uint8Array()
    if (this.#first === 'client') {
      client.end(close)
      upstream.end()
      afterBoth(client, upstream, done)
      return
    }
    client.write(close)
    client.on('data', (chunk: Uint8Array) => {
      const { pass, closeBytes } = this.#readers.client.read(chunk)
      if (closeBytes === 0) return
      upstream.end(pass.subarray(pass.length - closeBytes))
      client.end()
    })
    client.on('end', () => {
      upstream.end()
      client.end()
    })
    client.resume()
    afterBoth(client, upstream, done)
  }

  /** The client has closed, and nobody answers it. */
  giveUp(): void {
    if (this.#first !== undefined) this.#closed()
  }

  destroy(): void {
    this.stop()
    this.#parts.breakClient()
    this.#parts.upstream.destroy()
  }

  #take(side: Side, chunk: Uint8Array): void {
    if (this.#hasEnded || chunk.length === 0) return
    const reader = this.#readers[side]
    const { pass, closeBytes, fault } = reader.read(chunk)
    const heldBytes = side === 'upstream' ? closeBytes : 0
    this.#pass(side, pass.subarray(0, pass.length - heldBytes))
    if (heldBytes > 0) {
      this.#held = pass.subarray(pass.length - heldBytes)
      this.#parts.meters.response.add(this.#held)
    }
    if (fault !== undefined) {
      this.#end({ kind: 'refused', whose: side, fault })
    } else if (closeBytes > 0) {
      this.#first ??= side
      if (side === 'upstream') this.#closed()
      else this.#parts.onClosing()
    }
  }

  #pass(side: Side, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    const [source, target] = this.#pair(side)
    this.#parts.meters[side === 'client' ? 'request' : 'response'].add(bytes)
    this.#parts.onPass()
    if (target.write(bytes)) return
    source.pause()
    this.#parts.onStall(otherSide(side), true)
  }

  /** Whoever has said that they close may go; a client may still wait for the answer to it. */
  #gone(side: Side, isForGood: boolean): void {
    if (this.#first === undefined) this.#end({ kind: 'gone', who: side })
    else if (side === 'upstream' || isForGood) this.#closed()
  }

  #closed(): void {
    const by = this.#first ?? 'upstream'
    this.#end({ kind: 'closed', close: { code: this.#readers[by].closeCode ?? 1005, by } })
  }

  #end(end: TunnelEnd): void {
    if (this.#hasEnded) return
    this.stop()
    this.#parts.onEnd(end)
  }

  #pair(side: Side): readonly [source: Duplex, target: Duplex] {
    const { client, upstream } = this.#parts
    return side === 'client' ? [client, upstream] : [upstream, client]
  }

  #on(stream: Duplex, event: string, listener: (chunk: Uint8Array) => void): void {
    stream.on(event, listener)
    this.#listeners.push(() => stream.off(event, listener))
  }
}

function otherSide(side: Side): Side {
  return side === 'client' ? 'upstream' : 'client'
}

function afterBoth(one: Duplex, other: Duplex, done: () => void): void {
  let left = 2
  const settle = (): void => {
    left -= 1
    if (left === 0) done()
  }
  for (const stream of [one, other]) {
    if (stream.destroyed) settle()
    else stream.once('close', settle)
    stream.resume()
  }
}

// A bad line between two ends on this machine: a relay of TCP in user space. What the network loses
// TCP sends again after a while, and everything behind it waits: so does a piece here.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface LinkFaults {
  /** Of a hundred pieces, how many are lost once and come late, with all that is behind them. */
  readonly lossPercent: number
  readonly resendMs: number
  /** Each way, of all connections together; undefined: as fast as it goes. */
  readonly bitsPerSecond?: number
  /** Of a thousand pieces, how many break the connection. */
  readonly breaksPerThousand?: number
}

const PIECE_BYTES = 1_460

export class LossyLink {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #faults: LinkFaults
  #seed = 1
  #freeAtMs = 0
  pieces = 0
  lost = 0
  broken = 0

  private constructor(server: Server, port: number, faults: LinkFaults) {
    this.#server = server
    this.port = port
    this.#faults = faults
  }

  static async open(to: number, faults: LinkFaults): Promise<LossyLink> {
    const server = createServer({ pauseOnConnect: true })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const link = new LossyLink(server, port, faults)
    server.on('connection', (near) => link.#join(near, connect(to, '127.0.0.1')))
    return link
  }

  /** From now on: a line may become good again. */
  become(faults: LinkFaults): void {
    this.#faults = faults
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #join(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from)
      from.on('error', () => undefined)
      from.once('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      void this.#pump(from, to)
    }
  }

  async #pump(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
          if (!(await this.#carry(chunk.subarray(at, at + PIECE_BYTES), to))) return
        }
      }
      to.end()
    } catch {
      to.destroy() // One end is gone: so is the other.
    }
  }

  /** False: the line broke. */
  async #carry(piece: Buffer, to: Socket): Promise<boolean> {
    const { lossPercent, resendMs, bitsPerSecond, breaksPerThousand = 0 } = this.#faults
    this.pieces += 1
    if (this.#chance() * 1000 < breaksPerThousand) {
      this.broken += 1
      to.resetAndDestroy()
      return false
    }
    if (bitsPerSecond !== undefined) await this.#waitForRoom(piece.length, bitsPerSecond)
    if (this.#chance() * 100 < lossPercent) {
      this.lost += 1
      await sleep(resendMs)
    }
    if (to.destroyed) return false
    if (!to.write(piece))
      await new Promise((resolve) => void to.once('drain', resolve).once('close', resolve))
    return true
  }

  async #waitForRoom(bytes: number, bitsPerSecond: number): Promise<void> {
    const nowMs = performance.now()
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + (bytes * 8 * 1000) / bitsPerSecond
    const waitMs = this.#freeAtMs - nowMs
    if (waitMs > 1) await sleep(waitMs)
  }

  /** The same line is bad in the same way each time. */
  #chance(): number {
    this.#seed = (this.#seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return this.#seed / 2_147_483_648
  }
}

import { Socket, type SocketConstructorOpts } from 'node:net'
import type { Views } from '../platform/index.ts'

/** Takes what was read: `bytes` are good until it returns. Says whether more may be read. */
export type TakeBytes = (bytes: Buffer) => boolean

/** What Node's servers keep in a socket, and its types leave out. */
interface Inner {
  _handle: object | null
  _server: unknown
}

/**
 * A connection that was accepted, read into one buffer that all of them share. Node has that for
 * connections that it opens (`onread`), and not for those that it accepts, each read of which costs
 * 64 KiB that are allocated and cut, and a way through the queue of a stream.
 */
export class DirectSocket extends Socket {
  #take: TakeBytes | undefined

  private constructor(handle: object, buffer: Buffer, views: Views<Buffer>) {
    const onread: SocketConstructorOpts['onread'] = {
      buffer,
      callback: (length) => this.#read(views.upTo(length)),
    }
    const options: object = {
      handle,
      allowHalfOpen: true,
      onread,
    }
    super(options as SocketConstructorOpts)
  }

  /**
   * `accepted` is of no use any more; where it is gone already it is what comes back. `views` are
   * of `buffer`.
   */
  static of(accepted: Socket, buffer: Buffer, views: Views<Buffer>): Socket {
    const former = accepted as unknown as Inner
    if (former._handle === null) return accepted
    const socket = new DirectSocket(former._handle, buffer, views)
    // The server counts its connections by what they say when they close.
    Object.assign(socket, { _server: former._server, server: former._server })
    Object.assign(former, { _handle: null, _server: null, server: null })
    return socket
  }

  /** Until it is called again, bytes are a stream's as usual. */
  takeBytes(take: TakeBytes | undefined): void {
    this.#take = take
  }

  #read(bytes: Buffer): boolean {
    return this.#take === undefined ? this.push(Buffer.from(bytes)) : this.#take(bytes)
  }
}

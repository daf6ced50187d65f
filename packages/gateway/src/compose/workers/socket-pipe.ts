import type { Socket } from 'node:net'
import type { Pipe } from './channel.ts'

/** What may wait for whoever is at the other end: he answers, so it is bounded by what he asks. */
const WAITING_BYTES_MAX = 67_108_864

/** One end of the pair of sockets between the gateway and a worker. */
export function socketPipe(socket: Socket, parts: { readonly onFull: () => void }): Pipe {
  return {
    send: (bytes) => {
      if (!socket.writable) return true // Whoever is gone is told of elsewhere.
      socket.write(bytes)
      if (socket.writableLength > WAITING_BYTES_MAX) parts.onFull()
      return socket.writableLength === 0
    },
  }
}

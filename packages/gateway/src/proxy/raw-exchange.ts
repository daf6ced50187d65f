import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Inbound, Outbound, Peer } from './exchange.ts'

/** What is known of a request that could not be read. */
export function rawInbound(peer: Peer, known: Partial<Inbound> = {}): Inbound {
  return {
    peer,
    method: '',
    target: '',
    version: '',
    fields: [],
    isWaiting: false,
    body: { next: async () => ({ done: true, value: undefined }) },
    invite: () => undefined,
    trailers: () => [],
    isComplete: () => false,
    ...known,
  }
}

/** An answer on a socket whose request no HTTP engine understood; the connection ends with it. */
export function rawOutbound(socket: Socket): Outbound {
  // The engine has let go of the socket (CONNECT): a client that leaves now would end the process.
  socket.on('error', () => undefined)
  return {
    begin: ({ status, fields }) => {
      const lines = [...fields, ['connection', 'close']].map(([name, value]) => `${name}: ${value}`)
      const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', ''].join(
        '\r\n',
      )
      if (socket.writable) socket.write(head, 'latin1')
    },
    write: async (chunk) => {
      if (socket.writable) socket.write(chunk)
    },
    end: async (last) => {
      if (socket.writable) socket.write(last)
      socket.destroySoon()
    },
    destroy: () => {
      socket.destroy()
    },
  }
}

import type { Server } from 'node:net'
import type { ListenerConfig } from './proxy-config.ts'
import { ProxyError } from './proxy-error.ts'

/** Connections that may wait to be accepted: while a gateway starts, or takes another's place. */
const BACKLOG = 4096

/** Where to listen: at an address, or on a socket that another process has opened. */
export interface ListenPlace extends Pick<ListenerConfig, 'host' | 'port'> {
  readonly name?: string
  readonly descriptor?: number | undefined
}

/** Resolves with the address that is listened on; throws ProxyError PROXY_LISTEN_FAILED. */
export async function listenAt(
  server: Server,
  { name, host, port, descriptor }: ListenPlace,
): Promise<{ host: string; port: number }> {
  const isOpen = descriptor !== undefined
  const what = isOpen ? `the socket handed over for listener ${name}` : `${host}:${port}`
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  try {
    const at = isOpen ? { fd: descriptor } : { host, port }
    server.listen({ ...at, backlog: BACKLOG }, resolve)
    await promise
  } catch (cause) {
    throw new ProxyError('PROXY_LISTEN_FAILED', `cannot listen on ${what}`, { cause })
  }
  server.off('error', reject)
  const bound = server.address()
  if (bound === null || typeof bound === 'string') {
    return refuse(server, `${what} is not a TCP socket`)
  }
  if (isOpen && port !== 0 && port !== bound.port) {
    return refuse(server, `${what} is at port ${bound.port}; the configuration says ${port}`)
  }
  return { host: bound.address, port: bound.port }
}

function refuse(server: Server, why: string): never {
  server.close()
  throw new ProxyError('PROXY_LISTEN_FAILED', why)
}

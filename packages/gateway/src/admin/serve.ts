import type { Server as HttpServer } from 'node:http'
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createSecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls'
import { createAdaptorServer } from '@hono/node-server'
import { TLS_SUITES } from '../platform/index.ts'
import { AdminError } from './admin-error.ts'
import type { AdminApp } from './app.ts'
import { isLoopback } from './config.ts'
import type { AdminPeer } from './route.ts'

/** A control plane that listens. */
export interface AdminServer {
  readonly port: number
  /** From the next handshake on, where TLS is spoken; `checkCertificate` has taken it. */
  replaceCertificate(tls: PemTexts): void
  /** Stops listening, lets answers finish, and cuts off who is idle. */
  close(): Promise<void>
}

interface PemTexts {
  readonly certificate: string
  readonly key: string
}

export interface AdminAddress {
  readonly host: string
  readonly port: number
  /** PEM texts, not paths. */
  readonly tls?: PemTexts | undefined
  /** A socket that listens already, opened by another process; the address is only expected. */
  readonly descriptor?: number | undefined
}

export async function serveAdmin(app: AdminApp, address: AdminAddress): Promise<AdminServer> {
  const { tls } = address
  if (tls === undefined) refuseUnlessLoopback(address.host, address.host)
  const server = createAdaptorServer({
    fetch: (request, env) => app(request, peerOf(env.incoming.socket)),
    overrideGlobalObjects: false,
    ...(tls !== undefined && {
      createServer: createHttpsServer,
      serverOptions: contextOptions(tls),
    }),
  }) as HttpServer
  server.on('secureConnection', (socket: TLSSocket) => socket.disableRenegotiation())
  await listen(server, address)
  const bound = server.address() as AddressInfo
  try {
    if (address.port !== 0 && address.port !== bound.port) {
      const found = `the socket handed over for admin is at port ${bound.port}`
      throw new AdminError('ADMIN_LISTEN', `${found}; the configuration says ${address.port}`)
    }
    // `localhost` is what the machine's name service says it is: look at what was really bound.
    if (tls === undefined) refuseUnlessLoopback(bound.address, address.host)
  } catch (error) {
    server.close()
    throw error
  }
  return {
    port: bound.port,
    replaceCertificate: (next) => {
      if (server instanceof HttpsServer) server.setSecureContext(contextOptions(next))
    },
    close: () => close(server),
  }
}

/** Throws AdminError ADMIN_CERTIFICATE for what OpenSSL does not take. */
export function checkCertificate(tls: PemTexts): void {
  try {
    createSecureContext(contextOptions(tls))
  } catch (cause) {
    const message = `admin.tls: certificate and key are of no use: ${String(cause)}`
    throw new AdminError('ADMIN_CERTIFICATE', message, { cause })
  }
}

function contextOptions({ certificate, key }: PemTexts): SecureContextOptions {
  return { cert: certificate, key, minVersion: 'TLSv1.2', ciphers: TLS_SUITES.join(':') }
}

/** An IPv4 client of a dual-stack socket is an IPv4 client. */
function peerOf({ remoteAddress }: Socket): AdminPeer {
  return { address: (remoteAddress ?? '0.0.0.0').replace(/^::ffff:(?=\d+\.)/i, '') }
}

function refuseUnlessLoopback(address: string, host: string): void {
  if (isLoopback(address)) return
  const message = `${host} can be reached from other machines: not without TLS`
  throw new AdminError('ADMIN_NOT_LOOPBACK', message)
}

function listen(server: HttpServer, { host, port, descriptor }: AdminAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const place =
        descriptor === undefined ? `${host}:${port}` : 'the socket handed over for admin'
      const message = `cannot listen on ${place}: ${cause.message}`
      reject(new AdminError('ADMIN_LISTEN', message, { cause }))
    })
    server.listen(descriptor === undefined ? { port, host } : { fd: descriptor }, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })
}

function close(server: HttpServer): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)))
    server.closeIdleConnections()
  })
}

import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { SecureContext } from 'node:tls'
import type { Reason } from '@countersign/evidence'
import type { Limits } from '../limits/index.ts'
import type { ListenerConfig, Protocol } from './proxy-config.ts'
import { type Certificate, serverOptions } from './tls-options.ts'

/** How late a head that takes too long may be noticed. */
const HEAD_CHECK_EVERY_MS = 500

/** What a listener speaks. */
export function protocolsOf({
  protocols,
  tls,
}: Pick<ListenerConfig, 'protocols'> & { readonly tls?: unknown }): readonly Protocol[] {
  return protocols ?? (tls === undefined ? ['http/1.1'] : ['h2', 'http/1.1'])
}

/** Node's HTTP/1.1 server, with or without TLS. */
export function makeServer(
  limits: Limits,
  certificate: Certificate | undefined,
  {
    protocols,
    mayUpgrade,
    contextOf,
    proofOf,
  }: {
    readonly protocols: readonly Protocol[]
    readonly contextOf: (serverName: string) => SecureContext | undefined
    readonly proofOf: (serverName: string) => SecureContext | undefined
    readonly mayUpgrade: (request: IncomingMessage) => boolean
  },
): Server {
  const options: ServerOptions = {
    insecureHTTPParser: false,
    // Refused by our own stages instead, because a refusal is to be recorded.
    requireHostHeader: false,
    maxHeaderSize: limits.headBytesMax,
    headersTimeout: limits.headMs,
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: HEAD_CHECK_EVERY_MS,
    noDelay: true,
    // What is not let is a plain request, which the accept stage refuses.
    shouldUpgradeCallback: mayUpgrade,
  }
  const server =
    certificate === undefined
      ? createServer(options)
      : createTlsServer({
          ...options,
          ...serverOptions(certificate, {
            handshakeMs: limits.headMs,
            protocols,
            contextOf,
            proofOf,
          }),
        })
  // Node drops what is beyond this without a word: no cut here, the accept stage counts.
  server.maxHeadersCount = 0
  setLimits(server, limits)
  return server
}

/** Limits that the engine keeps, for the connections and requests to come. */
export function setLimits(server: Server, limits: Limits): void {
  server.headersTimeout = limits.headMs
  server.keepAliveTimeout = limits.keepAliveMs
  server.maxConnections = limits.connectionsMax
  // Read for every request; Node's types leave it out.
  Object.assign(server, { maxHeaderSize: limits.headBytesMax })
}

/** What the parser had against bytes, in our words. */
export function parseFault(code: string | undefined): Reason {
  if (code === 'HPE_HEADER_OVERFLOW') return 'head-too-large'
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout'
  return 'malformed-request'
}

import type { SecureContext, SecureContextOptions, TLSSocket, TlsOptions } from 'node:tls'
import { TLS_SUITES } from '../platform/index.ts'

/** What is agreed on with an authority that validates a name (RFC 8737), and with nobody else. */
export const ACME_TLS = 'acme-tls/1'

/** PEM texts. */
export interface Certificate {
  /** Undefined with its key: it is obtained while the gateway runs, and was not yet. */
  readonly certificate?: string | undefined
  readonly key?: string | undefined
  /** The gateway obtains it itself: authorities may look here for what proves the names. */
  readonly isObtained?: boolean | undefined
  /** For the further names that clients may ask for. */
  readonly further?: readonly { readonly certificate: string; readonly key: string }[] | undefined
  readonly clientCertificates?: ClientAuthorities | undefined
}

/** Whose client certificates are believed; PEM texts. */
export interface ClientAuthorities {
  readonly show: 'required' | 'optional'
  readonly authorities: readonly string[]
  /** Revocation lists: with one, every authority of a chain needs one that is in date. */
  readonly revocations: readonly string[]
  /** Which item of `identity.spiffe` they are of; undefined: of none. */
  readonly trustDomain?: string | undefined
}

/** Whether everything that was verified under `before` would be under `next`. */
export function isWider(
  before: ClientAuthorities | undefined,
  next: ClientAuthorities | undefined,
): boolean {
  if (before === undefined || next === undefined) return before === next
  const [{ authorities: former, ...rest }, { authorities, ...nextRest }] = [before, next]
  const isSame = JSON.stringify(rest) === JSON.stringify(nextRest)
  return isSame && former.every((each) => authorities.includes(each))
}

/** What a renewal replaces. With it come new ticket keys: no session of the old one resumes. */
export function contextOptions(parts: Certificate): SecureContextOptions {
  const { certificate, key, clientCertificates: clients } = parts
  return {
    ...(certificate === undefined || key === undefined ? {} : { cert: certificate, key }),
    minVersion: 'TLSv1.2',
    ciphers: TLS_SUITES.join(':'),
    ...(clients === undefined ? {} : { ca: [...clients.authorities] }),
    ...(clients === undefined || clients.revocations.length === 0
      ? {}
      : { crl: [...clients.revocations] }),
  }
}

/**
 * The handshake goes through whatever certificate is shown, and is refused with what is asked on
 * it: a refusal names the certificate and what is wrong with it, a broken handshake names nothing.
 * Early data is never taken: Node offers none.
 */
export function serverOptions(
  parts: Certificate,
  {
    handshakeMs,
    protocols,
    contextOf,
    proofOf,
  }: {
    readonly handshakeMs: number
    readonly protocols: readonly string[]
    /** By the name that a client asks for; undefined: that of `parts`. */
    readonly contextOf: (serverName: string) => SecureContext | undefined
    /** What an authority that looks for a name is shown; undefined: none is expected. */
    readonly proofOf: (serverName: string) => SecureContext | undefined
  },
): TlsOptions {
  return {
    ...contextOptions(parts),
    ...(parts.isObtained === true
      ? { ALPNCallback: choosing(protocols, proofOf) }
      : { ALPNProtocols: [...protocols] }),
    // undefined stands for the server's own; Node's types leave it out, and what it is called on.
    SNICallback(this: unknown, name, done) {
      done(null, (proofs.get(this as TLSSocket) ?? contextOf(name)) as SecureContext)
    },
    handshakeTimeout: handshakeMs,
    requestCert: parts.clientCertificates !== undefined,
    rejectUnauthorized: false,
  }
}

/** By TLS 1.3 the name is looked at after this choice, and would undo it; by TLS 1.2 before it. */
const proofs = new WeakMap<TLSSocket, SecureContext>()

/**
 * Chooses as OpenSSL would, the server's preference first; but who offers `acme-tls/1` and nothing
 * else, for a name that is being validated, gets the certificate that proves it, and no others do.
 */
function choosing(
  protocols: readonly string[],
  proofOf: (serverName: string) => SecureContext | undefined,
): NonNullable<TlsOptions['ALPNCallback']> {
  // Node calls it on the socket, whose certificate it may set.
  return function choose(
    this: unknown,
    { servername, protocols: offered }: { readonly servername: string; protocols: string[] },
  ): string | undefined {
    if (offered.length !== 1 || offered[0] !== ACME_TLS) {
      return protocols.find((each) => offered.includes(each))
    }
    const proof = proofOf(servername)
    if (proof === undefined) return undefined
    const socket = this as TLSSocket
    proofs.set(socket, proof)
    socket.setKeyCert(proof)
    return ACME_TLS
  }
}

import type { SecureContext, SecureContextOptions, TlsOptions } from 'node:tls'
import { TLS_SUITES } from '../platform/index.ts'

/** PEM texts. */
export interface Certificate {
  readonly certificate: string
  readonly key: string
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
    cert: certificate,
    key,
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
  }: {
    readonly handshakeMs: number
    readonly protocols: readonly string[]
    /** By the name that a client asks for; undefined: that of `parts`. */
    readonly contextOf: (serverName: string) => SecureContext | undefined
  },
): TlsOptions {
  return {
    ...contextOptions(parts),
    ALPNProtocols: [...protocols],
    // undefined stands for the server's own; Node's types leave it out.
    SNICallback: (name, done) => done(null, contextOf(name) as SecureContext),
    handshakeTimeout: handshakeMs,
    requestCert: parts.clientCertificates !== undefined,
    rejectUnauthorized: false,
  }
}

import { tlsFault } from './tls/tls-fault.ts'
import { UpstreamFault } from './types.ts'
import { UpstreamError } from './upstream-error.ts'

/** What the system and we call it, in the words of records. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection-refused',
  ECONNRESET: 'connection-reset',
  EPIPE: 'connection-reset',
  ETIMEDOUT: 'connect-timeout',
  CONNECT_TIMEOUT: 'connect-timeout',
  EHOSTUNREACH: 'no-way-there',
  ENETUNREACH: 'no-way-there',
  EADDRNOTAVAIL: 'no-way-there',
  EMFILE: 'no-descriptor-left',
  UPSTREAM_UNRESOLVED: 'name-unresolved',
  UPSTREAM_DOWN: 'targets-unhealthy',
  UPSTREAM_FULL: 'limit-reached',
}

/** What was wrong, in a word that says nothing of anybody. */
export function faultWord({ cause, reason }: UpstreamFault): string {
  const tls = tlsFault(cause)
  if (tls !== undefined) return tls
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return WORDS[code] ?? reason
}

/** A fault of the handshake is said as what it is: the upstream is not believed. */
export function toldFault(fault: UpstreamFault): UpstreamFault {
  const { cause, reason, isUnsent } = fault
  if (reason === 'upstream-untrusted' || tlsFault(cause) === undefined) return fault
  return new UpstreamFault('upstream-untrusted', cause, { isUnsent })
}

/** More than a limit of the upstream's own allows. */
export function fullFault(what: string): UpstreamFault {
  const cause = new UpstreamError('UPSTREAM_FULL', what)
  return new UpstreamFault('upstream-overloaded', cause, { isUnsent: true })
}

export function downFault(name: string): UpstreamFault {
  const cause = new UpstreamError('UPSTREAM_DOWN', `no target of ${name} is healthy`)
  return new UpstreamFault('upstream-unavailable', cause, { isUnsent: true })
}

export function unresolvedFault(cause: unknown): UpstreamFault {
  const message = 'the name of the upstream leads nowhere'
  const error = new UpstreamError('UPSTREAM_UNRESOLVED', message, { cause })
  return new UpstreamFault('upstream-unreachable', error, { isUnsent: true })
}

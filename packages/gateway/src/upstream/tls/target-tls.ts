import { type ConnectionOptions, createSecureContext } from 'node:tls'
import { TLS_SUITES } from '../../platform/index.ts'
import { readTargetUrl, type TargetPlace } from '../target-url.ts'
import { targetsOf, type UpstreamConfig } from '../upstream-config.ts'
import { UpstreamError } from '../upstream-error.ts'
import { checkServerIdentity } from './server-identity.ts'

/** Said aloud, since a build of OpenSSL may have a lower one: no SHA-1, no RSA below 2048 bits. */
const SECURITY_LEVEL = '@SECLEVEL=2'

/** How every connection to a target is made: verified, whatever else is configured. */
export function targetTls(
  { authority, tls }: UpstreamConfig,
  { host, isAddress }: TargetPlace,
): ConnectionOptions {
  const name = tls?.serverName ?? host
  const expected = { name, pins: tls?.pins ?? [] }
  const suites = [...(tls?.suites ?? TLS_SUITES), SECURITY_LEVEL].join(':')
  const context = {
    minVersion: tls?.minVersion ?? ('TLSv1.2' as const),
    ciphers: suites,
    ...(authority === undefined ? {} : { ca: authority }),
    ...(tls?.certificate === undefined ? {} : { cert: tls.certificate, key: tls.key }),
    ...(tls === undefined || tls.revocations.length === 0 ? {} : { crl: tls.revocations }),
  }
  return {
    secureContext: checkedContext(context),
    // What the context was made of decides the handshake too.
    ...context,
    rejectUnauthorized: true,
    // No name is asked for at an address (RFC 6066, section 3).
    servername: isAddress && tls?.serverName === undefined ? '' : name,
    checkServerIdentity: (_name, { raw }) => checkServerIdentity(raw, expected),
  }
}

/** Throws UpstreamError where the certificates and suites of an upstream are of no use. */
export function checkUpstreamTls(config: UpstreamConfig): void {
  for (const { url } of targetsOf(config)) {
    const place = readTargetUrl(url)
    if (!('wrong' in place) && place.scheme === 'https') targetTls(config, place)
  }
}

function checkedContext(options: Parameters<typeof createSecureContext>[0]) {
  try {
    return createSecureContext(options)
  } catch (cause) {
    const message = `authority, certificate, key or suites are of no use: ${String(cause)}`
    throw new UpstreamError('UPSTREAM_CERTIFICATE', message, { cause })
  }
}

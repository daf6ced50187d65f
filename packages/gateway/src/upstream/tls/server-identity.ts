import { hash, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

/** What is wrong with the certificate of an upstream, beyond what OpenSSL refuses by itself. */
export class ServerIdentityFault extends Error {
  override readonly name = 'ServerIdentityFault'
  readonly code: 'NAME_MISMATCH' | 'PIN_MISMATCH' | 'PURPOSE_WRONG' | 'KEY_WEAK' | 'SIGNATURE_WEAK'

  constructor(code: ServerIdentityFault['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** The purpose `id-kp-serverAuth`. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const RSA_BITS_MIN = 2048
const ELLIPTIC_BITS_MIN = 224
const CHECKS = { subject: 'never', wildcards: true, partialWildcards: false } as const

export interface ExpectedServer {
  /** A DNS name or an address. */
  readonly name: string
  /** Base64 of SHA-256; empty: any key. */
  readonly pins: readonly string[]
}

/**
 * Checks the certificate that a handshake has verified up to a known authority. OpenSSL takes a
 * name from the subject where there is no other, and keys and hashes by its security level, which
 * a distribution may lower: here they are not taken.
 */
export function checkServerIdentity(
  der: Uint8Array,
  { name, pins }: ExpectedServer,
): ServerIdentityFault | undefined {
  const certificate = new X509Certificate(der)
  if (!isNamed(certificate, name)) {
    return new ServerIdentityFault('NAME_MISMATCH', `the certificate is not for ${name}`)
  }
  const { keyUsage: purposes } = certificate
  if (purposes !== undefined && !purposes.includes(SERVER_AUTH)) {
    return new ServerIdentityFault('PURPOSE_WRONG', 'the certificate is not for servers')
  }
  return weakness(certificate) ?? pinFault(certificate, pins)
}

/** Names of the certificate count; one in its subject does not. */
function isNamed(certificate: X509Certificate, name: string): boolean {
  const { subjectAltName } = certificate
  // A name with a null byte or a comma is quoted: whatever it says, it is not a host.
  if (subjectAltName === undefined || subjectAltName.includes('"')) return false
  const found = isIP(name) === 0 ? certificate.checkHost(name, CHECKS) : certificate.checkIP(name)
  return found !== undefined
}

function weakness(certificate: X509Certificate): ServerIdentityFault | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey
  if (type?.startsWith('rsa') && (details?.modulusLength ?? 0) < RSA_BITS_MIN) {
    return new ServerIdentityFault('KEY_WEAK', 'the RSA key is too short')
  }
  if (type === 'dsa' || (type === 'ec' && curveBits(details?.namedCurve) < ELLIPTIC_BITS_MIN)) {
    return new ServerIdentityFault('KEY_WEAK', 'the key is too weak')
  }
  if (/md5|sha1(?!\d)/i.test(certificate.signatureAlgorithm ?? '')) {
    return new ServerIdentityFault('SIGNATURE_WEAK', 'the certificate is signed over a weak hash')
  }
  return undefined
}

/** As the name of a curve says it: `prime256v1`, `secp384r1`, `brainpoolP256r1`. */
function curveBits(curve = ''): number {
  return Number(/\d{3}/.exec(curve)?.[0] ?? 0)
}

function pinFault(
  certificate: X509Certificate,
  pins: readonly string[],
): ServerIdentityFault | undefined {
  if (pins.length === 0) return undefined
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' })
  const pin = hash('sha256', spki, 'base64')
  if (pins.includes(pin)) return undefined
  return new ServerIdentityFault('PIN_MISMATCH', `the key ${pin} is not among the pins`)
}

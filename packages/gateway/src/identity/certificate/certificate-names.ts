import { X509Certificate } from 'node:crypto'

/** The names that a certificate gives to its holder, each kind apart, as they stand in it. */
export interface CertificateNames {
  readonly commonName: readonly string[]
  readonly dns: readonly string[]
  readonly uri: readonly string[]
  readonly email: readonly string[]
}

/** A certificate as far as it says who holds it. */
export interface ReadCertificate {
  readonly names: CertificateNames
  /** Hexadecimal, lower case. */
  readonly serial: string
  /** Microseconds since 1970. */
  readonly notBeforeUs: number
  readonly notAfterUs: number
  readonly isAuthority: boolean
  /** Its key may sign certificates, or lists of those that are taken back (RFC 5280, 4.2.1.3). */
  readonly maySign: boolean
  readonly pem: string
}

/** Node writes `DNS:a, URI:b`, and a value that holds what separates them as a JSON string. */
const ALTERNATIVE_NAME = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y

/** Undefined for what is no certificate, or has names that cannot be told apart. */
export function readCertificate(der: Uint8Array): ReadCertificate | undefined {
  try {
    const certificate = new X509Certificate(der)
    const alternative = alternativeNames(certificate.subjectAltName ?? '')
    const { CN: commonName } = certificate.toLegacyObject().subject ?? {}
    if (alternative === undefined) return undefined
    return {
      names: { ...alternative, commonName: commonName === undefined ? [] : [commonName].flat() },
      serial: certificate.serialNumber.toLowerCase(),
      notBeforeUs: certificate.validFromDate.getTime() * 1000,
      notAfterUs: certificate.validToDate.getTime() * 1000,
      isAuthority: certificate.ca,
      maySign: maySign(der),
      pem: certificate.toString(),
    }
  } catch {
    return undefined // OpenSSL says no; which byte it stumbled over tells nobody anything.
  }
}

/** From when until when a certificate holds; undefined for what is none. */
export function readValidity(
  der: Uint8Array,
): Pick<ReadCertificate, 'notBeforeUs' | 'notAfterUs'> | undefined {
  try {
    const { validFromDate, validToDate } = new X509Certificate(der)
    return {
      notBeforeUs: validFromDate.getTime() * 1000,
      notAfterUs: validToDate.getTime() * 1000,
    }
  } catch {
    return undefined
  }
}

/** `id-ce-keyUsage`, 2.5.29.15. */
const KEY_USAGE = Buffer.from([0x06, 0x03, 0x55, 0x1d, 0x0f])
const CRITICAL = [0x01, 0x01, 0xff]
const [OCTET_STRING, BIT_STRING] = [0x04, 0x03]
/** keyCertSign and cRLSign, of the first byte of the bits. */
const SIGNING_BITS = 0x06

/**
 * Node says nothing of the key usage. Whatever looks like one counts: the real one is among them,
 * and what else looks so its holder has put there.
 */
function maySign(der: Uint8Array): boolean {
  const bytes = Buffer.from(der.buffer, der.byteOffset, der.length)
  for (let at = bytes.indexOf(KEY_USAGE); at >= 0; at = bytes.indexOf(KEY_USAGE, at + 1)) {
    let value = at + KEY_USAGE.length
    if (CRITICAL.every((byte, nth) => bytes[value + nth] === byte)) value += CRITICAL.length
    // OCTET STRING, its length; BIT STRING, its length, unused bits, the first byte.
    if (bytes[value] !== OCTET_STRING || bytes[value + 2] !== BIT_STRING) continue
    if (((bytes[value + 5] ?? 0) & SIGNING_BITS) !== 0) return true
  }
  return false
}

function alternativeNames(text: string): Omit<CertificateNames, 'commonName'> | undefined {
  const found = { dns: [] as string[], uri: [] as string[], email: [] as string[] }
  ALTERNATIVE_NAME.lastIndex = 0
  let end = 0
  while (end < text.length) {
    const [whole, kind, raw] = ALTERNATIVE_NAME.exec(text) ?? []
    if (whole === undefined || raw === undefined) return undefined
    end += whole.length
    const value = raw.startsWith('"') ? String(JSON.parse(raw)) : raw
    if (kind === 'DNS') found.dns.push(value.toLowerCase())
    if (kind === 'URI') found.uri.push(value)
    if (kind === 'email') found.email.push(value)
  }
  return found
}

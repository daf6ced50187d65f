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

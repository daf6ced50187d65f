// Authorities and client certificates of every kind, good and bad, made in the test.
import './reflect-metadata.ts'
import type { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000

/** PEM texts of a certificate with its chain, and of its key. */
export interface Holder {
  readonly certificate: string
  readonly key: string
  readonly x509: x509.X509Certificate
}

export interface Wanted {
  readonly subject?: string
  readonly names?: x509.JsonGeneralNames
  /** Days from now; negative ones lie in the past. */
  readonly fromDays?: number
  readonly toDays?: number
  /** Of the extended key usage; `null` leaves it out. */
  readonly usage?: string | null
  readonly extensions?: readonly x509.Extension[]
}

export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'

/** One authority; `sub` makes another under it. */
export class ClientAuthority {
  readonly certificate: x509.X509Certificate
  readonly #keys: webcrypto.CryptoKeyPair
  readonly #chain: readonly x509.X509Certificate[]

  private constructor(
    certificate: x509.X509Certificate,
    keys: webcrypto.CryptoKeyPair,
    chain: readonly x509.X509Certificate[],
  ) {
    this.certificate = certificate
    this.#keys = keys
    this.#chain = chain
  }

  get pem(): string {
    return this.certificate.toString('pem')
  }

  static async make(subject = 'CN=client authority'): Promise<ClientAuthority> {
    const keys = await newKeys()
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: nextSerial(),
      name: subject,
      keys,
      signingAlgorithm: ALGORITHM,
      ...validity({}),
      extensions: authorityExtensions(undefined),
    })
    return new ClientAuthority(certificate, keys, [])
  }

  async sub(
    subject: string,
    extensions: x509.Extension[] = authorityExtensions(undefined),
  ): Promise<ClientAuthority> {
    const keys = await newKeys()
    const certificate = await this.#sign({ subject, extensions, usage: null }, keys.publicKey)
    return new ClientAuthority(certificate, keys, [certificate, ...this.#chain])
  }

  async issue(wanted: Wanted = {}): Promise<Holder> {
    const keys = await newKeys()
    const certificate = await this.#sign(wanted, keys.publicKey)
    const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
    return {
      x509: certificate,
      certificate: [certificate, ...this.#chain].map((each) => each.toString('pem')).join('\n'),
      key: `-----BEGIN PRIVATE KEY-----\n${key.toString('base64')}\n-----END PRIVATE KEY-----\n`,
    }
  }

  /** A revocation list that is in date, with these certificates on it. */
  async revoke(revoked: readonly Holder[]): Promise<string> {
    const list = await x509.X509CrlGenerator.create({
      issuer: this.certificate.subject,
      thisUpdate: new Date(Date.now() - DAY_MS),
      nextUpdate: new Date(Date.now() + DAY_MS),
      signingAlgorithm: ALGORITHM,
      signingKey: this.#keys.privateKey,
      entries: revoked.map(({ x509: { serialNumber } }) => ({
        serialNumber,
        revocationDate: new Date(Date.now() - DAY_MS),
      })),
    })
    // OpenSSL knows the label of RFC 7468 only.
    return list.toString('pem').replaceAll(/(BEGIN|END) CRL/g, '$1 X509 CRL')
  }

  #sign(wanted: Wanted, publicKey: CryptoKey): Promise<x509.X509Certificate> {
    const { subject = 'CN=ada', names, usage = CLIENT_AUTH, extensions = [] } = wanted
    return x509.X509CertificateGenerator.create({
      serialNumber: nextSerial(),
      subject,
      issuer: this.certificate.subject,
      publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ALGORITHM,
      ...validity(wanted),
      extensions: [
        ...(usage === null ? [] : [new x509.ExtendedKeyUsageExtension([usage])]),
        ...(names === undefined ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
        ...extensions,
      ],
    })
  }
}

export function authorityExtensions(
  pathLength: number | undefined,
  more: readonly x509.Extension[] = [],
): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ...more,
  ]
}

/** DER of the extension nameConstraints with one permitted DNS subtree, critical. */
export function onlyBelow(dns: string): x509.Extension {
  const name = Buffer.from(dns, 'latin1')
  const general = Buffer.concat([Buffer.from([0x82, name.length]), name])
  const subtree = Buffer.concat([Buffer.from([0x30, general.length]), general])
  const permitted = Buffer.concat([Buffer.from([0xa0, subtree.length]), subtree])
  const value = Buffer.concat([Buffer.from([0x30, permitted.length]), permitted])
  return new x509.Extension('2.5.29.30', true, value)
}

/** A critical extension that nobody knows. */
export const UNKNOWN_CRITICAL = new x509.Extension('1.3.6.1.4.1.55555.1', true, Buffer.from([5, 0]))

function validity({ fromDays = -1, toDays = 1 }: Pick<Wanted, 'fromDays' | 'toDays'>) {
  return {
    notBefore: new Date(Date.now() + fromDays * DAY_MS),
    notAfter: new Date(Date.now() + toDays * DAY_MS),
  }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

let serials = 0

function nextSerial(): string {
  serials += 1
  return `4d${serials.toString(16).padStart(6, '0')}`
}

import { createPrivateKey, hash, X509Certificate } from 'node:crypto'
import { AcmeError } from './acme-error.ts'
import type { Pair } from './pending-challenges.ts'

/** A pair that belongs together, and what its certificate says. */
export interface HeldCertificate {
  readonly pair: Pair
  readonly names: readonly string[]
  /** Of the certificate as DER, in hexadecimal. */
  readonly sha256: string
  readonly fromMs: number
  readonly untilMs: number
}

/** Throws AcmeError ACME_CERTIFICATE where it is no certificate, or another key's. */
export function readPair(pair: Pair): HeldCertificate {
  try {
    const leaf = new X509Certificate(pair.certificate)
    if (!leaf.checkPrivateKey(createPrivateKey(pair.key))) throw new Error('another key’s')
    return {
      pair,
      names: namesOf(leaf),
      sha256: hash('sha256', leaf.raw, 'hex'),
      fromMs: Date.parse(leaf.validFrom),
      untilMs: Date.parse(leaf.validTo),
    }
  } catch (cause) {
    throw new AcmeError('ACME_CERTIFICATE', 'certificate and key are of no use', { cause })
  }
}

/** Whether it is good for each of these names. */
export function covers({ names }: HeldCertificate, domains: readonly string[]): boolean {
  return domains.every((domain) => names.includes(domain))
}

function namesOf({ subjectAltName = '' }: X509Certificate): readonly string[] {
  return subjectAltName
    .split(', ')
    .filter((each) => each.startsWith('DNS:'))
    .map((each) => each.slice('DNS:'.length).toLowerCase())
}

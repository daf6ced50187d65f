import { type Authenticator, type Identification, type Known, refused } from '../authenticator.ts'
import type { ClientCertificate, Presented } from '../presented.ts'
import { readCertificate } from './certificate-names.ts'
import { type CertificatesConfig, principalOf } from './certificate-rules.ts'

/** Certificates that were read lately; reading one costs as much as checking a signature. */
const KNOWN_MAX = 10_000

interface Judged {
  readonly identification: Identification
  readonly notBeforeUs: number
  readonly notAfterUs: number
}

/**
 * Says who shows a certificate. The handshake has shown that the client holds its key, and OpenSSL
 * has verified its chain (RFC 5280: validity, names, purposes, revocation); which certificate is
 * whose stands in the rules.
 */
export function clientCertificates({ name, rules }: CertificatesConfig): Authenticator {
  const known = new Map<string, Judged>()
  const judge = (certificate: ClientCertificate): Judged => {
    const judged = judgeCertificate(certificate, (shown) => principalOf(rules, name, shown))
    const [oldest] = known.keys()
    if (known.size >= KNOWN_MAX && oldest !== undefined) known.delete(oldest)
    known.set(certificate.sha256, judged)
    return judged
  }
  return {
    name,
    kind: 'mtls',
    carrier: 'certificate',
    challenges: [],
    // A workload's certificate is its trust domain's to judge: a name in it means nothing here.
    recognises: ({ peer }) =>
      peer.certificate !== undefined && peer.certificate.trustDomain === undefined,
    authenticate: ({ peer, atUs }: Presented) => {
      const { certificate } = peer
      if (certificate === undefined) return refusedFor('certificate-missing')
      if (!certificate.isVerified) return refusedFor(certificate.error ?? 'certificate-unverified')
      const judged = known.get(certificate.sha256) ?? judge(certificate)
      // The handshake may be long ago, and a resumed session does not look at the time again.
      if (atUs < judged.notBeforeUs) return refusedFor('certificate-not-yet-valid')
      if (atUs >= judged.notAfterUs) return refusedFor('certificate-expired')
      return judged.identification
    },
  }
}

type WhoHolds = (shown: Parameters<typeof principalOf>[2]) => ReturnType<typeof principalOf>

function judgeCertificate({ der, sha256 }: ClientCertificate, whoHolds: WhoHolds): Judged {
  const read = readCertificate(der)
  const always = { notBeforeUs: -Infinity, notAfterUs: Infinity }
  if (read === undefined) return { ...always, identification: refusedFor('certificate-unreadable') }
  const { names, serial, notBeforeUs, notAfterUs, pem } = read
  const principal = whoHolds({ names, sha256 })
  if (typeof principal === 'string') return { ...always, identification: refusedFor(principal) }
  const credential = {
    method: 'mtls' as const,
    id: serial,
    sha256,
    expiresAtUs: notAfterUs,
    proof: pem,
  }
  const identification: Known = { known: true, principal, credential }
  return { identification, notBeforeUs, notAfterUs }
}

function refusedFor(fault: string): Identification {
  return refused('certificate-refused', { fault })
}

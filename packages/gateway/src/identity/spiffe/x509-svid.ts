import { type Authenticator, type Identification, refused } from '../authenticator.ts'
import { readCertificate } from '../certificate/certificate-names.ts'
import type { ClientCertificate } from '../presented.ts'
import type { SpiffeConfig } from './spiffe-config.ts'
import { workloadOf } from './spiffe-principal.ts'

/**
 * Workloads that show an X.509-SVID. A listener that takes them believes the authorities of their
 * trust domain and no others, so a chain that OpenSSL has verified there ends in the right bundle.
 */
export function x509Svids(config: SpiffeConfig): Authenticator {
  const { name } = config
  return {
    name,
    kind: 'spiffe-x509',
    carrier: 'certificate',
    challenges: [],
    recognises: ({ peer }) => peer.certificate?.trustDomain === name,
    authenticate: ({ peer, atUs }) =>
      peer.certificate === undefined
        ? no('certificate-missing')
        : identify(peer.certificate, config, atUs),
  }
}

function identify(shown: ClientCertificate, config: SpiffeConfig, atUs: number): Identification {
  if (!shown.isVerified) return no(shown.error ?? 'certificate-unverified')
  const read = readCertificate(shown.der)
  if (read === undefined) return no('certificate-unreadable')
  const { names, serial, notBeforeUs, notAfterUs, pem } = read
  if (atUs < notBeforeUs) return no('certificate-not-yet-valid')
  if (atUs >= notAfterUs) return no('certificate-expired')
  // X509-SVID, sections 2, 4.1, 4.3 and 5.2: exactly one URI, no authority, and no key of one.
  const [uri, second] = names.uri
  if (uri === undefined || second !== undefined) return no('spiffe-id')
  if (read.isAuthority || read.maySign) return no('certificate-authority')
  const principal = workloadOf(uri, config)
  if (typeof principal === 'string') return no(principal)
  const credential = {
    method: 'spiffe-x509' as const,
    id: serial,
    sha256: shown.sha256,
    expiresAtUs: notAfterUs,
    proof: pem,
  }
  return { known: true, principal, credential }
}

function no(fault: string): Identification {
  return refused('certificate-refused', { fault })
}

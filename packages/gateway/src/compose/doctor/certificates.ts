import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Finding } from '../../cli/index.ts'
import type { Prepared } from '../prepare.ts'

const DAY_MS = 86_400_000
/** Renewals that work happen earlier. */
const SOON_DAYS = 14
const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** Of every listener and of the control plane: the pair, the names, the days that are left. */
export function* examineCertificates(
  { listeners, adminTls }: Pick<Prepared, 'listeners' | 'adminTls'>,
  nowMs: number,
): Generator<Finding> {
  for (const { name, tls } of listeners) {
    if (tls === undefined) continue
    const { certificate, key, further = [] } = tls
    const own = certificate === undefined || key === undefined ? [] : [{ certificate, key }]
    for (const pair of [...own, ...further]) yield* examinePair(`listener ${name}`, pair, nowMs)
    for (const authority of tls.clientCertificates?.authorities ?? []) {
      for (const pem of authority.match(PEM_BLOCK) ?? []) {
        const certificate = new X509Certificate(pem)
        const subject = `listener ${name}, authority ${certificate.subject.replaceAll('\n', ', ')}`
        yield days(subject, certificate, nowMs)
      }
    }
  }
  if (adminTls !== undefined) yield* examinePair('control plane', adminTls, nowMs)
}

export function* examinePair(
  subject: string,
  pair: { readonly certificate: string; readonly key: string },
  nowMs: number,
): Generator<Finding> {
  const topic = 'certificate'
  const chain = (pair.certificate.match(PEM_BLOCK) ?? []).map((pem) => new X509Certificate(pem))
  const [leaf] = chain
  if (leaf === undefined) {
    yield { topic, subject, state: 'failure', says: 'there is none in the file' }
    return
  }
  if (!leaf.checkPrivateKey(createPrivateKey(pair.key))) {
    const advice = 'the first certificate of the file must be the one that the key belongs to'
    yield { topic, subject, state: 'failure', says: 'the key is of another certificate', advice }
  }
  if (leaf.subjectAltName === undefined) {
    const advice = 'clients look at subjectAltName alone: have it issued with one'
    yield { topic, subject, state: 'failure', says: 'it names no host', advice }
  }
  const broken = chain.findIndex((one, at) => {
    const issuer = chain[at + 1]
    return issuer !== undefined && !one.checkIssued(issuer)
  })
  if (broken !== -1) {
    const says = `number ${broken + 2} of the chain has not issued number ${broken + 1}`
    const advice = 'order: the leaf, then who issued it, and so on'
    yield { topic, subject, state: 'warning', says, advice }
  }
  for (const certificate of chain) yield days(subject, certificate, nowMs)
}

function days(subject: string, certificate: X509Certificate, nowMs: number): Finding {
  const topic = 'certificate'
  const name = certificate.subjectAltName ?? certificate.subject.replaceAll('\n', ', ')
  const from = Date.parse(certificate.validFrom)
  const left = Math.floor((Date.parse(certificate.validTo) - nowMs) / DAY_MS)
  if (from > nowMs) {
    const advice = 'wait, or look at the clock of this machine'
    const says = `${name} is valid from ${certificate.validFrom} only`
    return { topic, subject, state: 'failure', says, advice }
  }
  const says = left < 0 ? `${name} expired ${-left} days ago` : `${name}, ${left} days left`
  if (left >= SOON_DAYS) return { topic, subject, state: 'ok', says }
  const advice = 'renew it; a gateway that runs takes the new files by itself'
  return { topic, subject, state: left < 0 ? 'failure' : 'warning', says, advice }
}

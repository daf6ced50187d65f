import assert from 'node:assert/strict'
import { hash, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { type ClientCertificate, Presented } from '../presented.ts'
import type { Confirmation } from './confirmation.ts'
import { type ProofChecker, senderConstraints } from './token-binding.ts'

const {
  raw: der,
  validFromDate,
  validToDate,
} = new X509Certificate(`
-----BEGIN CERTIFICATE-----
MIIBbTCCAROgAwIBAgIUEizOgfC7CUwhAoXT34a3KGKx09swCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYTAeFw0yNjExMjExMzM3MjdaFw0yNjExMjIxMzM3MjdaMAwx
CjAIBgNVBAMMAWEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASmuO/jOYl/uPOC
2y6Xe3y4AkwsIiYsBgEdRz12b9meJPrDbcZsD/wLoZ9NPb66fQwKoNMW/3rhJ9Vw
/GDcLkn0o1MwUTAdBgNVHQ4EFgQULIceA6Z6mbUWRUewwLFzC0gwwAowHwYDVR0j
BBgwFoAULIceA6Z6mbUWRUewwLFzC0gwwAowDwYDVR0TAQH/BAUwAwEB/zAKBggq
hkjOPQQDAgNIADBFAiAqdIX31wsYqUELdQO/4UhMAty/5L+llBwQVxEQRnK3rgIh
APtU70Uu+r4keXZAYm3k9E4FPYJ0vivHPh0F/ksafgU/
-----END CERTIFICATE-----
`)
const [BEGIN_US, END_US] = [validFromDate, validToDate].map((date) => date.getTime() * 1000)
const shown: ClientCertificate = { der, sha256: hash('sha256', der, 'hex'), isVerified: true }
const certificateSha256 = hash('sha256', der, 'base64url')
const other = hash('sha256', 'another', 'base64url')

/** Says yes: what a proof has to be is another test's. */
const dpop: ProofChecker = { challenge: 'DPoP', check: () => ({ ok: true, proof: 'the proof' }) }

function check(
  scheme: 'bearer' | 'dpop',
  confirmation: Confirmation | undefined,
  certificate?: ClientCertificate,
  atUs = BEGIN_US ?? 0,
): string {
  const presented = new Presented({
    method: 'GET',
    url: () => 'https://api.example/',
    fields: [],
    hasBody: false,
    peer: { address: '192.0.2.1', certificate },
    atUs,
  })
  const token = { scheme, token: 'token', confirmation, presented }
  const verdict = senderConstraints({ dpop }).check(token)
  return verdict.ok ? (verdict.proof ?? 'accepted') : `${verdict.reason} ${verdict.fault}`
}

for (const [name, scheme, confirmation, certificate, want] of [
  ['a bearer token', 'bearer', undefined, undefined, 'accepted'],
  ['a bearer token beside a certificate', 'bearer', undefined, shown, 'accepted'],
  ['a token bound to a key', 'dpop', { jkt: other }, undefined, 'the proof'],
  ['D02 as Bearer', 'bearer', { jkt: other }, undefined, 'proof-missing bound-token-as-bearer'],
  ['an unbound one as DPoP', 'dpop', undefined, undefined, 'credentials-invalid token-not-bound'],
  ['M01 bound to this certificate', 'bearer', { certificateSha256 }, shown, 'accepted'],
  [
    'M01 no certificate',
    'bearer',
    { certificateSha256 },
    undefined,
    'proof-missing certificate-missing',
  ],
  [
    'M01 another certificate',
    'bearer',
    { certificateSha256: other },
    shown,
    'proof-invalid certificate-differs',
  ],
  [
    'M01 bound to it, of an authority that is not known here',
    'bearer',
    { certificateSha256 },
    { ...shown, isVerified: false, error: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
    'accepted',
  ],
  ...['CERT_REVOKED', 'CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'authorities-replaced'].map(
    (error) =>
      [
        `M03 bound to it, ${error}`,
        'bearer',
        { certificateSha256 },
        { ...shown, isVerified: false, error },
        `certificate-refused ${error}`,
      ] as const,
  ),
  ['bound to both, both there', 'dpop', { jkt: other, certificateSha256 }, shown, 'the proof'],
  [
    'bound to both, the proof alone',
    'dpop',
    { jkt: other, certificateSha256 },
    undefined,
    'proof-missing certificate-missing',
  ],
  [
    'bound to both, the certificate alone',
    'bearer',
    { jkt: other, certificateSha256 },
    shown,
    'proof-missing bound-token-as-bearer',
  ],
] as const) {
  test(`${name}: ${want}`, () => assert.equal(check(scheme, confirmation, certificate), want))
}

for (const [name, certificate, atUs, want] of [
  ['in its last moment', shown, (END_US ?? 0) - 1, 'accepted'],
  ['that has ended since the handshake', shown, END_US, 'certificate-refused certificate-expired'],
  [
    'that has not begun',
    shown,
    (BEGIN_US ?? 0) - 1,
    'certificate-refused certificate-not-yet-valid',
  ],
  [
    'that is none',
    { ...shown, der: Buffer.from('a') },
    BEGIN_US,
    'certificate-refused certificate-unreadable',
  ],
] as const) {
  test(`M03 bound to a certificate ${name}: ${want}`, () => {
    assert.equal(check('bearer', { certificateSha256 }, certificate, atUs), want)
  })
}

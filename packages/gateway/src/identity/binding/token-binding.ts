import { bearerChallenge, type CredentialRefusal } from '../authenticator.ts'
import { readValidity } from '../certificate/certificate-names.ts'
import type { ClientCertificate, Presented } from '../presented.ts'
import type { Confirmation } from './confirmation.ts'

/** A token that was verified, and how it was shown. */
export interface ShownToken {
  readonly scheme: 'bearer' | 'dpop'
  readonly token: string
  /** Undefined: it is bound to nothing. */
  readonly confirmation: Confirmation | undefined
  readonly presented: Presented
}

export interface BindingRefusal {
  readonly ok: false
  readonly reason: CredentialRefusal
  /** Which rule was broken, in a word from a closed list. */
  readonly fault: string
  /** Values of `WWW-Authenticate`. */
  readonly challenges: readonly string[]
  /** Further fields of the answer. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

export type BindingVerdict =
  | {
      readonly ok: true
      /** What shows that the holder of the key signed this request; undefined of bearer tokens. */
      readonly proof: string | undefined
    }
  | BindingRefusal

/** Says whether whoever shows a token also holds the key that it is bound to. */
export interface TokenBinding {
  check(shown: ShownToken): BindingVerdict
}

/** Checks a proof of possession that came with a token bound to the key of thumbprint `jkt`. */
export interface ProofChecker {
  /** The `WWW-Authenticate` value of somebody who should have sent a proof. */
  readonly challenge: string
  check(of: {
    readonly presented: Presented
    readonly token: string
    readonly jkt: string
  }): BindingVerdict
}

/** Without `dpop`, tokens that are bound to a DPoP key are refused. */
export function senderConstraints({ dpop }: { readonly dpop?: ProofChecker }): TokenBinding {
  return {
    check: (shown) => {
      const { scheme, token, confirmation, presented } = shown
      const jkt = confirmation?.jkt
      if (scheme === 'dpop' && jkt === undefined) return unbound()
      const wrong = checkCertificate(confirmation, presented)
      if (wrong !== undefined) return wrong
      if (jkt === undefined) return UNPROVEN
      if (dpop === undefined) return invalid('dpop-unsupported', bearerChallenge('invalid_token'))
      // As a bearer token it would serve whoever stole it: the scheme is part of the binding.
      if (scheme !== 'dpop')
        return invalid('bound-token-as-bearer', dpop.challenge, 'proof-missing')
      return dpop.check({ presented, token, jkt })
    },
  }
}

/** What OpenSSL says of certificates that were good once, or will be; and what we say ourselves. */
const ENDED = new Set([
  'CERT_REVOKED',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'authorities-replaced',
])

/**
 * RFC 8705, section 3. Its authority need not be known here: the token names this very certificate,
 * and the handshake has shown that the client holds its key. But one that has ended binds nothing.
 */
function checkCertificate(
  confirmation: Confirmation | undefined,
  { peer, atUs }: Presented,
): BindingRefusal | undefined {
  const wanted = confirmation?.certificateSha256
  if (wanted === undefined) return undefined
  const shown = peer.certificate
  const challenge = bearerChallenge('invalid_token', 'the token is bound to a certificate')
  if (shown === undefined) return invalid('certificate-missing', challenge, 'proof-missing')
  const { error = '' } = shown
  if (ENDED.has(error)) return invalid(error, challenge, 'certificate-refused')
  const fault = timeFault(shown, atUs)
  if (fault !== undefined) return invalid(fault, challenge, 'certificate-refused')
  const isSame = Buffer.from(shown.sha256, 'hex').toString('base64url') === wanted
  return isSame ? undefined : invalid('certificate-differs', challenge, 'proof-invalid')
}

/** The handshake may be long ago, and a resumed session does not look at the time again. */
function timeFault(shown: ClientCertificate, atUs: number): string | undefined {
  const validity = VALIDITY.get(shown) ?? readValidity(shown.der)
  if (validity === undefined) return 'certificate-unreadable'
  VALIDITY.set(shown, validity)
  if (atUs < validity.notBeforeUs) return 'certificate-not-yet-valid'
  return atUs >= validity.notAfterUs ? 'certificate-expired' : undefined
}

/** Of what connections that are open show: read once for each. */
const VALIDITY = new WeakMap<ClientCertificate, NonNullable<ReturnType<typeof readValidity>>>()

function unbound(): BindingRefusal {
  return invalid('token-not-bound', 'DPoP error="invalid_token"', 'credentials-invalid')
}

function invalid(
  fault: string,
  challenge: string,
  reason: CredentialRefusal = 'proof-invalid',
): BindingRefusal {
  return { ok: false, reason, fault, challenges: [challenge], headers: [] }
}

const UNPROVEN = { ok: true, proof: undefined } as const

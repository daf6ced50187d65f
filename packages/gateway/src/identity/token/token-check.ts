import { type Identification, refused } from '../authenticator.ts'
import type { TokenBinding } from '../binding/token-binding.ts'
import type { Presented } from '../presented.ts'
import type { VerifiedToken } from './verified-tokens.ts'

/** Says whether a token that verifies was taken back by its issuer or by an operator. */
export interface Revocations {
  isRevoked(
    token: Pick<VerifiedToken, 'credential' | 'principal' | 'issuedAtUs' | 'subject'>,
  ): boolean
}

/** What is asked of a verified token at every request, however well it is known. */
export interface TokenCheck {
  readonly binding: TokenBinding
  readonly revocations: Revocations
}

export function admit(
  token: VerifiedToken,
  presented: Presented,
  { binding, revocations }: TokenCheck,
): Identification {
  const { principal, credential, confirmation, untilUs } = token
  if (revocations.isRevoked(token)) return refused('credentials-revoked', { credential })
  const shown = presented.authorization
  if (shown.kind !== 'token') return refused('credentials-malformed')
  if (confirmation === undefined && shown.scheme === 'bearer') {
    return { known: true, principal, credential, untilUs: finite(untilUs) }
  }
  const { scheme, token: text } = shown
  const held = binding.check({ scheme, token: text, confirmation, presented })
  if (!held.ok) {
    const { reason, fault, challenges, headers } = held
    return refused(reason, { credential, fault, challenges, headers })
  }
  const { proof } = held
  const proven = proof === undefined ? credential : { ...credential, proof }
  return { known: true, principal, credential: proven, untilUs: finite(untilUs) }
}

function finite(us: number): number | undefined {
  return Number.isFinite(us) ? us : undefined
}

import { type Identification, type Known, refused } from '../authenticator.ts'
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
  const { credential, confirmation } = token
  if (revocations.isRevoked(token)) return refused('credentials-revoked', { credential })
  const shown = presented.authorization
  if (shown.kind !== 'token') return refused('credentials-malformed')
  if (confirmation === undefined && shown.scheme === 'bearer') {
    return knownToken(token, revocations)
  }
  const { scheme, token: text } = shown
  const held = binding.check({ scheme, token: text, confirmation, presented })
  if (!held.ok) {
    const { reason, fault, challenges, headers } = held
    return refused(reason, { credential, fault, challenges, headers })
  }
  const { proof } = held
  const known = knownToken(token, revocations)
  return proof === undefined ? known : { ...known, credential: { ...credential, proof } }
}

/** What whoever shows a token is told is made once for it. */
function knownToken(token: VerifiedToken, revocations: Revocations): Known {
  const { principal, credential, untilUs } = token
  token.told ??= {
    known: true,
    principal,
    credential,
    untilUs: finite(untilUs),
    isStillGood: () => token.isStillGood() && !revocations.isRevoked(token),
  }
  return token.told
}

function finite(us: number): number | undefined {
  return Number.isFinite(us) ? us : undefined
}

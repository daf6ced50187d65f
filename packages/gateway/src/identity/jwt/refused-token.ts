import { bearerChallenge, type CredentialRefusal, type Refused, refused } from '../authenticator.ts'
import { TOKEN_FAULTS, type TokenFault } from './token-faults.ts'

const REASONS: { readonly [fault in TokenFault]?: CredentialRefusal } = {
  'token-length': 'credentials-malformed',
  'token-form': 'credentials-malformed',
  'token-encoding': 'credentials-malformed',
  'token-json': 'credentials-malformed',
  expired: 'credentials-expired',
}

/** A token that breaks a rule: the record and the caller are told which. */
export function refusedToken(fault: TokenFault): Refused {
  const challenges = [bearerChallenge('invalid_token', TOKEN_FAULTS[fault])]
  return refused(REASONS[fault] ?? 'credentials-invalid', { fault, challenges })
}

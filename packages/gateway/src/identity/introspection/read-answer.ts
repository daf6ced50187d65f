import { parseConfirmation } from '../binding/confirmation.ts'
import { type Members, member } from '../jwt/members.ts'
import type { TokenFault } from '../jwt/token-faults.ts'
import { isForUs, isName, readScopes, readTime } from '../jwt/token-rules.ts'
import type { TokenFacts } from '../token/token-identity.ts'

/** What an active token must be. */
export interface IntrospectionRules {
  readonly issuer: string
  readonly audiences: readonly string[] | undefined
  readonly clients: readonly string[] | undefined
  readonly clockSkewMs: number
  readonly subjectClaim: string
  readonly scopes: { readonly claim: string; readonly form: 'words' | 'list' }
}

export type AnswerReading =
  | { readonly ok: true; readonly facts: TokenFacts }
  | { readonly ok: false; readonly fault: TokenFault }

/** Reads what is said of a token that is active. A client without a subject is its own subject. */
export function readAnswer(
  answer: Members,
  rules: IntrospectionRules,
  atUs: number,
): AnswerReading {
  const issuer = member(answer, 'iss')
  if (issuer !== undefined && issuer !== rules.issuer) return no('issuer')
  if (rules.audiences !== undefined && !isForUs(member(answer, 'aud'), rules.audiences)) {
    return no('audience')
  }
  const client = member(answer, 'client_id')
  if (client !== undefined && !isName(client)) return no('client')
  if (rules.clients !== undefined && !rules.clients.includes(client ?? '')) return no('client')
  const subject = member(answer, rules.subjectClaim) ?? client
  if (!isName(subject)) return no('subject')
  const id = member(answer, 'jti')
  if (id !== undefined && !isName(id)) return no('token-id')
  const times = readTimes(answer, rules.clockSkewMs * 1000, atUs)
  if (typeof times === 'string') return no(times)
  const scopes = readScopes(member(answer, rules.scopes.claim), rules.scopes.form)
  if (scopes === undefined) return no('scope')
  const confirmation = parseConfirmation(member(answer, 'cnf'))
  if (confirmation === 'unknown') return no('confirmation')
  return { ok: true, facts: { ...times, subject, client, id, scopes, confirmation } }
}

function readTimes(
  answer: Members,
  skewUs: number,
  atUs: number,
): Pick<TokenFacts, 'expiresAtUs' | 'issuedAtUs' | 'authenticatedAtUs'> | TokenFault {
  const names = ['exp', 'nbf', 'iat', 'auth_time'] as const
  const [exp, nbf, iat, authTime] = names.map((name) => readTime(member(answer, name)))
  if ([exp, nbf, iat, authTime].includes(Number.NaN)) return 'times'
  if ((nbf ?? 0) > atUs + skewUs || (iat ?? 0) > atUs + skewUs) return 'not-yet-valid'
  if (exp !== undefined && exp + skewUs <= atUs) return 'expired'
  return { expiresAtUs: exp, issuedAtUs: iat, authenticatedAtUs: authTime }
}

function no(fault: TokenFault): AnswerReading {
  return { ok: false, fault }
}

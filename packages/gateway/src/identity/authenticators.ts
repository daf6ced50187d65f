import {
  type Authenticator,
  BEARER_CHALLENGE,
  type Carrier,
  type Identification,
  type Refused,
  refused,
} from './authenticator.ts'
import { IdentityError } from './identity-error.ts'
import { refusedToken } from './jwt/refused-token.ts'
import type { Presented } from './presented.ts'
import { ANONYMOUS } from './principal.ts'

/** The authenticators that a route takes, in the order in which they are asked. */
export interface AuthenticatorChain {
  /** What `WWW-Authenticate` says to somebody who shows nothing. */
  readonly challenges: readonly string[]
  /** Never rejects for what a request holds; synchronous where nothing has to be asked. */
  identify(presented: Presented): Identification | Promise<Identification>
  /** Asked where a credential is needed and none was shown. */
  invite(presented: Presented): Refused | Promise<Refused> | undefined
}

const NONE: ReadonlySet<Carrier> = new Set()
const NOBODY: Identification = { known: true, principal: ANONYMOUS, credential: undefined }

/** Every configured authenticator, and the one rule for requests with two credentials. */
export class Authenticators {
  readonly #declared: readonly Authenticator[]
  readonly #all: AuthenticatorChain
  readonly #chains = new Map<string, AuthenticatorChain>()

  /** Throws IdentityError for two of one name. */
  constructor(declared: readonly Authenticator[]) {
    const names = declared.map(({ name }) => name)
    const twice = names.find((name, at) => names.indexOf(name) !== at)
    if (twice !== undefined) throw unusable(`two authenticators are called ${twice}`)
    this.#declared = declared
    this.#all = this.#chainOf(declared)
  }

  get names(): readonly string[] {
    return this.#declared.map(({ name }) => name)
  }

  /** Throws IdentityError for a name that nothing has. Without names: all, as declared. */
  chain(names?: readonly string[]): AuthenticatorChain {
    if (names === undefined) return this.#all
    const key = names.join('\n')
    let chain = this.#chains.get(key)
    if (chain === undefined) {
      chain = this.#chainOf(names.map((name) => this.#named(name)))
      this.#chains.set(key, chain)
    }
    return chain
  }

  #named(name: string): Authenticator {
    const found = this.#declared.find((each) => each.name === name)
    if (found === undefined) throw unusable(`no authenticator is called ${name}`)
    return found
  }

  #chainOf(members: readonly Authenticator[]): AuthenticatorChain {
    const challenges = [...new Set(members.flatMap((each) => each.challenges))]
    // What a route does not take still is a credential: beside another one it is one too many.
    const explicit = this.#declared.filter(({ carrier }) => isBesideAuthorization(carrier))
    const byHeader = members.filter(({ carrier }) => carrier === 'authorization')
    const others = members.filter(({ carrier }) => isBesideAuthorization(carrier))
    const takesCookies = others.some(({ carrier }) => carrier === 'cookie')
    const certificates = members.filter(({ carrier }) => carrier === 'certificate')
    return {
      challenges: challenges.length === 0 ? [BEARER_CHALLENGE] : challenges,
      invite: (presented) => {
        for (const each of members) {
          const invited = each.invite?.(presented)
          if (invited !== undefined) return invited
        }
        return undefined
      },
      identify: (presented) => {
        const { kind } = presented.authorization
        if (kind === 'many') return refused('credentials-ambiguous')
        const beside = explicit.length === 0 ? NONE : carriersOf(explicit, presented)
        if (beside.size + (kind === 'none' ? 0 : 1) > 1) return refused('credentials-ambiguous')
        if (kind !== 'none') return askEach(byHeader, presented) ?? unrecognised(presented)
        // A certificate beside anything else is that thing's binding, never a second credential.
        if (beside.size > 0) {
          const found = askEach(others, presented)
          if (found !== undefined) return found
          if (!(takesCookies && beside.has('cookie'))) return refused('credentials-malformed')
          // A browser sends the session of another login too, meant or not: here it is nothing.
        }
        return askEach(certificates, presented) ?? NOBODY
      },
    }
  }
}

function carriersOf(members: readonly Authenticator[], presented: Presented): ReadonlySet<Carrier> {
  const shown = members.filter((each) => each.recognises(presented))
  return new Set(shown.map(({ carrier }) => carrier))
}

function isBesideAuthorization(carrier: Authenticator['carrier']): boolean {
  return carrier === 'cookie' || carrier === 'signature'
}

/** The first that recognises the credential has the only word. */
function askEach(
  members: readonly Authenticator[],
  presented: Presented,
): Identification | Promise<Identification> | undefined {
  for (const each of members) if (each.recognises(presented)) return each.authenticate(presented)
  return undefined
}

/** Nobody whom the route asks takes it: what is wrong with it is said where that can be seen. */
function unrecognised(presented: Presented): Identification {
  const shown = presented.authorization
  if (shown.kind !== 'token' || shown.form !== 'jwt') return refused('credentials-malformed')
  const { jws: reading } = presented
  return refusedToken(reading.ok ? 'issuer' : reading.fault)
}

function unusable(message: string): IdentityError {
  return new IdentityError('IDENTITY_UNUSABLE', message)
}

import type { Clock, HttpClient } from '../../platform/index.ts'
import { IdentityError } from '../identity-error.ts'
import type { TokenCheck } from '../token/token-check.ts'
import type { VerifiedTokens } from '../token/verified-tokens.ts'
import { ALGORITHMS } from './algorithms.ts'
import type { IssuerConfig } from './issuer-config.ts'
import { fixedKeys, type IssuerKeys, type IssuerKeysReport, RemoteKeys } from './issuer-keys.ts'
import { JwtAuthenticator } from './jwt-authenticator.ts'
import { KeySet, parseKeySet } from './key-set.ts'
import { secretKey } from './verify-key.ts'

export interface KeysNeeds {
  readonly http: HttpClient
  readonly clock: Clock
  /** What stands in the file or variable that the configuration names. */
  readonly secret?: Uint8Array | undefined
  readonly jwks?: Uint8Array | undefined
  readonly onReport: (report: IssuerKeysReport) => void
}

/** The keys of one issuer. Those that are published are asked for from `start` on. */
export function issuerKeys(config: IssuerConfig, needs: KeysNeeds): IssuerKeys {
  const { name, algorithms, rsaExponent } = config
  const { http, clock, secret, jwks, onReport } = needs
  if (secret !== undefined) {
    for (const algorithm of algorithms) {
      const { hashBytes } = ALGORITHMS[algorithm]
      if (secret.length >= hashBytes) continue
      const message = `issuer ${name}: the secret has ${secret.length} bytes, ${algorithm} needs`
      throw new IdentityError('IDENTITY_SECRET_SHORT', `${message} at least ${hashBytes}`)
    }
    return fixedKeys(new KeySet([secretKey(secret, algorithms)]))
  }
  const rules = { algorithms, rsaExponent }
  if (jwks === undefined) {
    return new RemoteKeys({
      http,
      clock,
      rules,
      onReport,
      issuer: config.issuer,
      jwksUrl: config.jwksUrl,
      allowsLoopbackHttp: config.allowLoopbackHttp,
      refreshEveryMs: config.refreshEveryMs,
      cooldownMs: config.refreshCooldownMs,
      staleMs: config.staleMs,
      fetchMs: config.fetchMs,
    })
  }
  const read = parseKeySet(jwks, rules)
  const faults = read?.ignored.map(({ kid = 'a key', why }) => `${kid} ${why}`).join('; ')
  if (read === undefined || read.set.keys.length === 0) {
    const message = `issuer ${name}: jwksFile has no usable key (${faults ?? 'not a key set'})`
    throw new IdentityError('IDENTITY_ISSUER_UNUSABLE', message)
  }
  return fixedKeys(read.set)
}

/** The authenticator of one issuer's tokens. */
export function jwtAuthenticator(
  config: IssuerConfig,
  parts: {
    readonly keys: IssuerKeys
    readonly check: TokenCheck
    readonly tokens: VerifiedTokens
    readonly clockSkewMs: number
  },
): JwtAuthenticator {
  const { name, issuer, audiences, algorithms, profile, clients, lifetimeMs } = config
  const { subjectClaim, scopes, map, kind, mfaAcr, principalPrefix = `${name}:` } = config
  const { keys, check, tokens, clockSkewMs } = parts
  return new JwtAuthenticator({
    name,
    rules: {
      issuer,
      audiences,
      algorithms,
      profile,
      clients,
      lifetimeMs,
      clockSkewMs,
      subjectClaim,
      scopes,
    },
    naming: { issuer, mapping: map, principalPrefix, kind, mfaAcr, scopeClaim: scopes.claim },
    keys,
    check,
    tokens,
  })
}

import type { Logger } from 'pino'
import type { Config } from '../config/index.ts'
import {
  type Authenticator,
  Introspection,
  type IssuerConfig,
  type IssuerKeys,
  type IssuerKeysReport,
  issuerKeys,
  jwtAuthenticator,
  type TokenCheck,
  VerifiedTokens,
} from '../identity/index.ts'
import { networkOf } from '../limits/index.ts'
import type { HttpClient } from '../platform/index.ts'
import type { Machine } from './machine.ts'
import { readNamed } from './read-config.ts'
import { readSecret } from './read-secret.ts'

const JWKS_BYTES_MAX = 1_048_576

interface TokenNeeds {
  readonly http: HttpClient
  readonly log: Logger
  readonly check: TokenCheck
}

/** Who is asked about access tokens. */
export interface OpenTokens {
  readonly authenticators: readonly Authenticator[]
  close(): void
}

/** Opens issuers and introspection. Keys are asked for from now on; nobody waits for them. */
export async function openTokens(
  { identity }: Config,
  machine: Machine,
  { http, log, check }: TokenNeeds,
): Promise<OpenTokens> {
  const { issuers, introspection, clockSkewMs, verifiedTokensMax } = identity
  const tokens = new VerifiedTokens(verifiedTokensMax)
  const { clock } = machine
  const opened = await Promise.all(
    issuers.map(async (config) => {
      return { config, keys: await openIssuerKeys(config, machine, { http, log }) }
    }),
  )
  const asked = await Promise.all(
    introspection.map(async (config) => {
      const secret = await readSecret(config.clientSecret, machine)
      const clientSecret = new TextDecoder('utf-8', { fatal: true }).decode(secret)
      const onFailure = (cause: unknown): void => {
        log.warn({ introspection: config.name, err: cause }, 'introspection failed')
      }
      const parts = { config, clientSecret, clockSkewMs, http, clock, check, tokens }
      return new Introspection({ ...parts, networkOf, onFailure })
    }),
  )
  for (const { keys } of opened) keys.start()
  const jwts = opened.map(({ config, keys }) => {
    return jwtAuthenticator(config, { keys, check, tokens, clockSkewMs })
  })
  return {
    authenticators: [...jwts, ...asked],
    close: () => {
      for (const { keys } of opened) keys.close()
    },
  }
}

async function openIssuerKeys(
  config: IssuerConfig,
  machine: Machine,
  { http, log }: Omit<TokenNeeds, 'check'>,
): Promise<IssuerKeys> {
  const { name, secret, jwksFile } = config
  return issuerKeys(config, {
    http,
    clock: machine.clock,
    secret: secret === undefined ? undefined : await readSecret(secret, machine),
    jwks: jwksFile === undefined ? undefined : await readNamed(jwksFile, JWKS_BYTES_MAX),
    onReport: (report) => tell(log, name, report),
  })
}

function tell(log: Logger, issuer: string, report: IssuerKeysReport): void {
  if (report.kind === 'failed') {
    log.warn({ issuer, err: report.cause }, 'keys of the issuer cannot be had')
  } else {
    const { keys, ignored } = report
    log.info({ issuer, keys, ignored }, 'keys of the issuer')
  }
}

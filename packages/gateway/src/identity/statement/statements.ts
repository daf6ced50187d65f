import { z } from 'zod'
import type { Credential, Principal } from '../principal.ts'
import { STATEMENT_ALGORITHMS, type StatementKey } from './statement-key.ts'

/** The section `identity.upstream` of the configuration. */
export const statementsSchema = z
  .strictObject({
    issuer: z
      .string()
      .regex(/^[!-~]{1,200}$/, 'is not a name without spaces')
      .optional()
      .describe('iss of statements; without it the name of the log'),
    algorithm: z.enum(STATEMENT_ALGORITHMS).default('EdDSA'),
    lifetimeMs: z
      .int()
      .min(1000)
      .max(60_000)
      .default(30_000)
      .describe('for how long an upstream may take a statement'),
  })
  .describe('signed statements for upstreams of routes with identity: signed')

export type StatementsConfig = z.infer<typeof statementsSchema>

/** What is said of one request that goes to an upstream. */
export interface StatementFacts {
  readonly principal: Principal
  readonly credential: Credential | undefined
  /** Name of the upstream, for which alone it is. */
  readonly audience: string
  readonly method: string
  /** Path and query, as they go to the upstream. */
  readonly target: string
  readonly requestId: string
  /** Where the intent stands in the ledger. */
  readonly recorded: { readonly epoch: number; readonly index: number }
  readonly atUs: number
}

/** Characters of the claims: an HTTP server takes some 8 KB or 16 KB of header fields in all. */
const CLAIMS_LENGTH_MAX = 4096

/**
 * Says to upstreams who a request is made for, in a form that they can check: a JWT that names the
 * place of the intent in the ledger. It is bound to upstream, method and target, and lives shortly.
 */
export class Statements {
  readonly #key: StatementKey
  readonly #config: StatementsConfig
  readonly #origin: string
  readonly #header: string

  /** Throws Error for an algorithm that there is no key of. */
  constructor(parts: {
    readonly keys: readonly StatementKey[]
    readonly config: StatementsConfig
    readonly origin: string
  }) {
    const { keys, config, origin } = parts
    const key = keys.find(({ algorithm }) => algorithm === config.algorithm)
    if (key === undefined) throw new Error(`there is no key for ${config.algorithm}`)
    this.#key = key
    this.#config = config
    this.#origin = origin
    const { algorithm: alg, kid } = key
    this.#header = encode(JSON.stringify({ alg, typ: 'countersign-identity+jwt', kid }))
  }

  /** The value of the field `Countersign-Identity`. One signature: tens of microseconds. */
  sign(facts: StatementFacts): string {
    const input = `${this.#header}.${encode(this.#claims(facts))}`
    const signature = this.#key.sign(Buffer.from(input, 'latin1'))
    return `${input}.${Buffer.from(signature).toString('base64url')}`
  }

  #claims({ principal, credential, recorded, ...facts }: StatementFacts): string {
    const { id, kind, issuer, groups, roles, scopes, claims } = principal
    const iat = Math.floor(facts.atUs / 1e6)
    const base = {
      iss: this.#config.issuer ?? this.#origin,
      sub: id,
      aud: facts.audience,
      iat,
      exp: iat + Math.ceil(this.#config.lifetimeMs / 1000),
      jti: facts.requestId,
      htm: facts.method,
      target: facts.target,
      kind,
      identity_issuer: issuer,
      method: credential?.method ?? 'none',
      ledger: { origin: this.#origin, epoch: recorded.epoch, index: recorded.index },
    }
    const whole = JSON.stringify({ ...base, groups, roles, scopes, claims })
    // Part of a list would be a lie; that there is none is said.
    return whole.length <= CLAIMS_LENGTH_MAX ? whole : JSON.stringify({ ...base, partial: true })
  }
}

/** What upstreams check statements with (RFC 7517). */
export function statementKeySet(keys: readonly StatementKey[]): string {
  return JSON.stringify({ keys: keys.map(({ publicJwk }) => publicJwk) })
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}

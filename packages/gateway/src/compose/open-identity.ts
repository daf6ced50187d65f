import type { Logger } from 'pino'
import type { Config } from '../config/index.ts'
import {
  Authenticators,
  apiKeys,
  type IssuerConfig,
  type IssuerKeys,
  type IssuerKeysReport,
  issuerKeys,
  type JwtAuthenticator,
  jwtAuthenticator,
  type TokenCheck,
  VerifiedTokens,
} from '../identity/index.ts'
import type { HttpClient } from '../platform/index.ts'
import type { Recorder } from '../recorder/index.ts'
import { httpClient } from './http-client.ts'
import type { Machine } from './machine.ts'
import { openKeys } from './open-keys.ts'
import { openLogins } from './open-logins.ts'
import { openProofs } from './open-proofs.ts'
import { openRevocations } from './open-revocations.ts'
import { readNamed } from './read-config.ts'

const SECRET_BYTES_MAX = 65_536
const JWKS_BYTES_MAX = 1_048_576

/** Who is asked who it is. */
export interface OpenIdentity {
  readonly authenticators: Authenticators
  /** Answers what belongs to a login; undefined for what does not. */
  answer(request: Request): Promise<Response | undefined>
  close(): Promise<void>
}

/** Opens what the configuration names. No issuer has to answer for it. */
export async function openIdentity(
  config: Config,
  machine: Machine,
  { recorder, log }: { readonly recorder: Recorder; readonly log: Logger },
): Promise<OpenIdentity> {
  const { issuers, logins: loginConfigs, clockSkewMs, verifiedTokensMax } = config.identity
  await using parts = new AsyncDisposableStack()
  const http = httpClient()
  parts.defer(() => http.close())
  const keys = await openKeys(config, machine, { recorder, log })
  parts.defer(() => keys.close())
  const revocations = await openRevocations(config, machine, { recorder, log })
  parts.defer(() => revocations.close())
  const tokens = new VerifiedTokens(verifiedTokensMax)
  const proofs = openProofs(config, machine)
  const check: TokenCheck = {
    binding: proofs.binding,
    revocations,
  }
  const jwts: JwtAuthenticator[] = []
  for (const issuer of issuers) {
    const published = await openIssuerKeys(issuer, machine, { http, log })
    parts.defer(() => published.close())
    published.start()
    jwts.push(jwtAuthenticator(issuer, { keys: published, check, tokens, clockSkewMs }))
  }
  const logins = await openLogins(loginConfigs, machine, {
    http,
    recorder,
    log,
    readSecret: (place) => readSecret(place, machine),
  })
  parts.defer(() => logins.close())
  const all = [
    apiKeys(() => keys.current),
    ...jwts,
    ...logins.authenticators,
    ...proofs.authenticators,
  ]
  const authenticators = new Authenticators(all)
  const open = parts.move()
  const answer: OpenIdentity['answer'] = (request) => logins.answer(request)
  return { authenticators, answer, close: () => open.disposeAsync() }
}

async function openIssuerKeys(
  config: IssuerConfig,
  machine: Machine,
  { http, log }: { readonly http: HttpClient; readonly log: Logger },
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

/** The bytes of a secret, without the line end that editors leave behind. */
async function readSecret(
  place: { readonly file: string } | { readonly env: string },
  { environment }: Machine,
): Promise<Uint8Array> {
  if ('file' in place) return trimmed(await readNamed(place.file, SECRET_BYTES_MAX))
  const text = environment[place.env]
  if (text === undefined) throw new Error(`the environment has no ${place.env}`)
  return new TextEncoder().encode(text)
}

function trimmed(bytes: Uint8Array): Uint8Array {
  const end = bytes.at(-1) === 0x0a ? (bytes.at(-2) === 0x0d ? -2 : -1) : bytes.length
  return bytes.subarray(0, end)
}

function tell(log: Logger, issuer: string, report: IssuerKeysReport): void {
  if (report.kind === 'failed') {
    log.warn({ issuer, err: report.cause }, 'keys of the issuer cannot be had')
  } else {
    const { keys, ignored } = report
    log.info({ issuer, keys, ignored }, 'keys of the issuer')
  }
}

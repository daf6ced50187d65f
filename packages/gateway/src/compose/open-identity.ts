import type { Logger } from 'pino'
import type { Config } from '../config/index.ts'
import { Authenticators, apiKeys } from '../identity/index.ts'
import type { ListenerSettings } from '../proxy/index.ts'
import type { Recorder } from '../recorder/index.ts'
import { readPem } from './certificates.ts'
import { httpClient } from './http-client.ts'
import type { Machine } from './machine.ts'
import { openKeys } from './open-keys.ts'
import { type FollowedLogins, type LoginMemories, openLogins } from './open-logins.ts'
import { openProofs } from './open-proofs.ts'
import { openRevocations } from './open-revocations.ts'
import { openSpiffe } from './open-spiffe.ts'
import { openTokens } from './open-tokens.ts'
import type { ProofMemory } from './proof-memory.ts'
import { readSecret } from './read-secret.ts'

/** Who is asked who it is. */
export interface OpenIdentity {
  readonly authenticators: Authenticators
  /** Answers what belongs to a login; undefined for what does not. */
  answer(request: Request): Promise<Response | undefined>
  /** What its logins remember, for the configuration after this one. */
  readonly loginMemories: LoginMemories
  /** Ends the sessions of logins that are not in force any more. */
  withdrawLogins(next: LoginMemories): Promise<void>
  /** The listener with the authorities of its trust domain, as they are now. */
  withAuthorities(listener: ListenerSettings): ListenerSettings
  close(): Promise<void>
}

export interface IdentityNeeds {
  readonly recorder: Pick<Recorder, 'act' | 'actant'>
  readonly log: Logger
  /** Of a trust domain: its authorities are others now. */
  readonly onTrustChange: () => void
  readonly proofMemory: ProofMemory
  /** Another process records changes of keys and revocations. */
  readonly isFollower?: boolean
  /** Where another process keeps who has signed in. */
  readonly followedLogins?: FollowedLogins
}

/** Opens what the configuration names. No issuer has to answer for it. */
export async function openIdentity(
  config: Config,
  machine: Machine,
  needs: IdentityNeeds,
  memories: LoginMemories = new Map(),
): Promise<OpenIdentity> {
  const { recorder, log, onTrustChange, proofMemory, isFollower = false, followedLogins } = needs
  await using parts = new AsyncDisposableStack()
  const { authority, introspection } = config.identity
  // A question that waits for a connection is one that others have shut out.
  const questionsMax = introspection.reduce((sum, { inFlightMax }) => sum + inFlightMax, 0)
  const pem = authority === undefined ? undefined : await readPem(authority)
  const http = httpClient(pem, questionsMax)
  parts.defer(() => http.close())
  const keys = await openKeys(config, machine, { recorder, log, isFollower })
  parts.defer(() => keys.close())
  const revocations = await openRevocations(config, machine, { recorder, log, isFollower })
  parts.defer(() => revocations.close())
  const proofs = openProofs(config, proofMemory)
  const check = { binding: proofs.binding, revocations }
  const tokens = await openTokens(config, machine, { http, log, check })
  parts.defer(() => tokens.close())
  const spiffe = await openSpiffe(config, machine, { http, log, check, onTrustChange })
  parts.defer(() => spiffe.close())
  const logins = await openLogins(config.identity.logins, machine, {
    http,
    recorder,
    log,
    memories,
    followed: followedLogins,
    readSecret: (place) => readSecret(place, machine),
  })
  parts.defer(() => logins.close())
  const all = [
    apiKeys(() => keys.current),
    // Subjects of a trust domain are its own, whoever else signs tokens about them.
    ...spiffe.authenticators,
    ...tokens.authenticators,
    ...logins.authenticators,
    ...proofs.authenticators,
  ]
  const authenticators = new Authenticators(all)
  const open = parts.move()
  const answer: OpenIdentity['answer'] = (request) => logins.answer(request)
  const withAuthorities: OpenIdentity['withAuthorities'] = (each) => spiffe.withAuthorities(each)
  const { memories: loginMemories } = logins
  const withdrawLogins: OpenIdentity['withdrawLogins'] = (next) => logins.withdraw(next)
  const close = (): Promise<void> => open.disposeAsync()
  return { authenticators, answer, loginMemories, withdrawLogins, withAuthorities, close }
}

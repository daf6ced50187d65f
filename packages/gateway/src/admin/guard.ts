import { hash } from 'node:crypto'
import { type AdminFacts, REASONS, type Reason } from '@countersign/evidence'
import { type Identification, type Known, Presented, redactCredentials } from '../identity/index.ts'
import type { Clock } from '../platform/index.ts'
import type { Recorder } from '../recorder/index.ts'
import { FailureRates } from './failure-rates.ts'
import { problem } from './problem.ts'
import { Answered, readBody } from './read-json.ts'
import { type AdminRoles, rolesOf } from './roles.ts'
import type { ActDone, AdminCaller, AdminParts, AdminPeer, GuardedRoute } from './route.ts'

/** What decides who may act. */
export interface GuardParts {
  readonly clock: Clock
  /** Where the control plane is reached: what is signed for it names this, not what Host says. */
  readonly externalOrigin: () => string | undefined
  /** Says who shows this, by the gateway's own authenticators as they are in force now. */
  readonly identify: (presented: Presented) => Identification | Promise<Identification>
  /** Those in force now. */
  readonly roles: () => AdminRoles
  /** Why somebody who was identified may do nothing now; undefined where nothing is against it. */
  readonly barred: (caller: AdminCaller) => Reason | undefined
  readonly recorder: Pick<Recorder, 'act' | 'actant'>
}

interface Refusal {
  readonly reason: Reason
  readonly challenges: readonly string[]
}

/**
 * Lets nobody act who has not shown who they are in the request itself: no cookie counts, and what
 * a browser sends for another site is refused. Each act is on record before it is answered.
 */
export class Guard {
  readonly #parts: GuardParts
  readonly #rates = new FailureRates()
  readonly #onFailure: (error: Error) => void

  constructor(parts: GuardParts, onFailure: (error: Error) => void) {
    this.#parts = parts
    this.#onFailure = onFailure
  }

  async serve(
    request: Request,
    peer: AdminPeer,
    { route, parts }: { readonly route: GuardedRoute; readonly parts: AdminParts },
  ): Promise<Response> {
    const { clock } = this.#parts
    const waitSeconds = this.#rates.retryAfterSeconds(peer.address, clock.ticksMs())
    if (waitSeconds > 0) return tooMany(waitSeconds)
    const found = await this.#admit(request, peer, route)
    if ('reason' in found.outcome) return this.#refuse(route, peer, found)
    const caller = found.outcome
    const done = await this.#perform(request, { route, parts }, { caller, known: found.known })
    const { response, target, parameters, isRecorded = false } = done
    if (isRecorded) return response
    const facts = {
      operation: route.operation,
      ...(target === undefined ? {} : { target: redactCredentials(target) }),
      from: peer.address,
      ...(parameters === undefined ? {} : { parameters }),
      result: resultOf(response.status),
    } as const
    return (await this.#record(facts, caller)) ? response : unrecorded()
  }

  async #admit(request: Request, peer: AdminPeer, route: GuardedRoute): Promise<Admission> {
    if (isCrossOrigin(request)) return refusal('cross-origin')
    const { clock, externalOrigin } = this.#parts
    const url = urlOf(request, externalOrigin())
    const presented = presentedBy(request, peer, { url, atUs: clock.nowUs() })
    const found = await this.#parts.identify(presented)
    if (!found.known) return refusal(found.reason, found.challenges)
    const { principal, credential } = found
    if (principal.kind === 'anonymous') return refusal('credentials-missing', [CHALLENGE])
    const caller: AdminCaller = {
      principal,
      credential,
      roles: rolesOf(principal, this.#parts.roles()),
      address: peer.address,
      who: this.#parts.recorder.actant(principal, credential?.method),
    }
    if (!permits(caller, route)) return { ...refusal('role-missing'), caller }
    const barred = this.#parts.barred(caller)
    const outcome = barred === undefined ? caller : { reason: barred, challenges: [] }
    return { outcome, caller, known: found }
  }

  /** A body may be long in coming, and what let its sender in may be over when it is there. */
  #objection(body: Buffer, route: GuardedRoute, { caller, known }: Admitted): Reason | undefined {
    const { clock, roles } = this.#parts
    if (known?.bodyDigest !== undefined && !isDigestOf(known.bodyDigest, body)) {
      return 'body-digest-mismatch'
    }
    const nowUs = clock.nowUs()
    if (known !== undefined && endOf(known) <= nowUs) return 'credentials-expired'
    if (known?.isStillGood?.(nowUs) === false) return 'credentials-revoked'
    const now = { ...caller, roles: rolesOf(caller.principal, roles()) }
    return permits(now, route) ? this.#parts.barred(now) : 'role-missing'
  }

  /** Somebody who is known is always written down; strangers up to a rate. */
  async #refuse(route: GuardedRoute, peer: AdminPeer, admission: Admission): Promise<Response> {
    const { reason, challenges } = admission.outcome as Refusal
    const isRecorded = this.#rates.count(peer.address, this.#parts.clock.ticksMs())
    const facts = {
      operation: route.operation,
      from: peer.address,
      parameters: { reason },
      result: 'refused',
    } as const
    if (isRecorded || admission.caller !== undefined) {
      if (!(await this.#record(facts, admission.caller))) return unrecorded()
    }
    return denied(reason, challenges)
  }

  async #perform(
    request: Request,
    { route, parts }: { readonly route: GuardedRoute; readonly parts: AdminParts },
    admitted: Admitted,
  ): Promise<ActDone> {
    try {
      const body = await readBody(request)
      const reason = this.#objection(body, route, admitted)
      if (reason !== undefined) return { response: denied(reason, []), parameters: { reason } }
      return await route.handle(withBody(request, body), parts, admitted.caller)
    } catch (error) {
      if (error instanceof Answered) return { response: error.response }
      this.#onFailure(error as Error)
      return { response: problem(500, 'Internal error') }
    }
  }

  /** False where the ledger cannot take it: then nothing is answered but that. */
  async #record(facts: AdminFacts, caller: AdminCaller | undefined): Promise<boolean> {
    const who = caller === undefined ? {} : { who: caller.who }
    try {
      await this.#parts.recorder.act('admin', facts, who)
      return true
    } catch (error) {
      this.#onFailure(error as Error)
      return false
    }
  }
}

interface Admission {
  readonly outcome: AdminCaller | Refusal
  /** Who it was, where that is known of somebody who is refused. */
  readonly caller?: AdminCaller
  readonly known?: Known
}

interface Admitted {
  readonly caller: AdminCaller
  readonly known: Known | undefined
}

const CHALLENGE = 'Bearer realm="countersign admin"'

function refusal(reason: Reason, challenges: readonly string[] = []): Admission {
  return { outcome: { reason, challenges } }
}

function urlOf({ url }: Request, origin: string | undefined): string {
  const { pathname, search } = new URL(url)
  return origin === undefined ? url : `${origin}${pathname}${search}`
}

function presentedBy(
  request: Request,
  { address, certificate }: AdminPeer,
  { url, atUs }: { readonly url: string; readonly atUs: number },
): Presented {
  return new Presented({
    method: request.method,
    url: () => url,
    // A cookie is sent by a browser whether or not its owner wants to act: here it is nothing.
    fields: [...request.headers].filter(([name]) => name !== 'cookie'),
    hasBody: request.body !== null,
    peer: { address, certificate },
    atUs,
  })
}

/** Browsers say where a page that asks comes from; other tools say nothing. */
function isCrossOrigin({ headers, url }: Request): boolean {
  const site = headers.get('sec-fetch-site')
  if (site !== null && site !== 'same-origin' && site !== 'none') return true
  const origin = headers.get('origin')
  return origin !== null && origin !== new URL(url).origin
}

function isDigestOf({ algorithm, digest }: Digest, body: Buffer): boolean {
  return hash(algorithm.replace('-', ''), body, 'buffer').equals(digest)
}

/** When what they showed ends. */
function endOf({ untilUs, credential }: Known): number {
  return untilUs ?? credential?.expiresAtUs ?? Number.POSITIVE_INFINITY
}

type Digest = NonNullable<Known['bodyDigest']>

/** The same request, its body being read. */
function withBody({ url, method, headers }: Request, body: Buffer): Request {
  if (body.length === 0) return new Request(url, { method, headers })
  return new Request(url, { method, headers, body: Uint8Array.from(body) })
}

function permits({ roles }: AdminCaller, { permission }: GuardedRoute): boolean {
  if (permission === 'known') return true
  return permission === 'viewer' ? roles.size > 0 : roles.has(permission)
}

function resultOf(status: number): AdminFacts['result'] {
  if (status < 400) return 'done'
  return status < 500 ? 'refused' : 'failed'
}

function denied(reason: Reason, challenges: readonly string[]): Response {
  const { status, meaning, advice } = REASONS[reason]
  const headers = challenges.length === 0 ? {} : { 'www-authenticate': challenges.join(', ') }
  return problem(status, meaning, headers, { reason, detail: advice })
}

function unrecorded(): Response {
  const { status, meaning, advice } = REASONS['ledger-unavailable']
  return problem(status, meaning, {}, { reason: 'ledger-unavailable', detail: advice })
}

function tooMany(seconds: number): Response {
  return problem(429, 'Too many failures', { 'retry-after': String(seconds) })
}

import {
  type CapturableBody,
  formatTime,
  type How,
  type Reason,
  type Via,
  type What,
  type Where,
  type Who,
} from '@countersign/evidence'
import type { Credential, Principal } from '../identity/index.ts'
import type { BalancedCall } from '../upstream/index.ts'
import type { ExchangeCapture } from './capture/exchange-capture.ts'
import { draftPermit, draftWhy } from './draft-why.ts'
import { type Exchange, filled } from './exchange.ts'
import { forwardedFacts } from './forwarding.ts'
import { answerStatus, grpcFacts } from './grpc.ts'
import { valuesOf } from './header-fields.ts'
import { takeMessages } from './message-digests.ts'
import { bounded, recordedHeaders, recordedPath } from './recorded-text.ts'
import type { IntentDraft, RefusalDraft } from './recording.ts'
import { redactQuery, redactText } from './redact.ts'

const USER_AGENT_LENGTH_MAX = 1024
const METHOD_LENGTH_MAX = 32

/** What is recorded before a request goes on. */
export function draftIntent(exchange: Exchange): IntentDraft {
  return {
    exchange: exchange.id,
    who: filled(draftWho(exchange), 'principal'),
    where: draftWhere(exchange),
    what: draftWhat(exchange),
    why: draftPermit(exchange),
    personal: filled(exchange.route, 'route').personal,
    bodies: exchange.capture?.take(),
    isRelaxed: exchange.route?.record === 'relaxed',
  }
}

/** A request that does not go on, whole in one record. */
export function draftRefusal(exchange: Exchange, reason: Reason): RefusalDraft {
  const who = draftWho(exchange)
  return {
    exchange: exchange.id,
    ...(who === undefined ? {} : { who }),
    where: draftWhere(exchange),
    // What is too large to be recorded stays out of the refusal too.
    what: draftWhat(
      reason === 'record-too-large'
        ? { ...NOTHING_UNDERSTOOD, inbound: exchange.inbound, inForce: exchange.inForce }
        : exchange,
    ),
    why: draftWhy(exchange, reason),
    how: withGrpc(exchange, reason, {
      ended: 'released',
      status: answerStatus(exchange, reason),
      source: 'gateway',
    }),
    personal: exchange.route?.personal ?? [],
    bodies: exchange.capture?.take(),
  }
}

/** While it is put together: a spread for every part that may be missing costs far more. */
type Draft<T> = { -readonly [Key in keyof T]: T[Key] }

const NOTHING_UNDERSTOOD = {
  asked: undefined,
  route: undefined,
  question: undefined,
  upstream: undefined,
  forwardedPath: undefined,
  capture: undefined,
}

/** How a request that went on has ended at the client: `draft`, made whole. */
export function draftHow(exchange: Exchange, draft: Draft<How>): How {
  if (exchange.call !== undefined) {
    draft.request = requestFacts(exchange)
    const messages = takeMessages(exchange)
    if (messages !== undefined) draft.messages = messages
  }
  const kept = exchange.capture?.facts('response')
  if (kept !== undefined && draft.response !== undefined) {
    draft.response = { ...draft.response, ...kept }
  }
  return withGrpc(exchange, draft.error, draft)
}

/** What is kept of it is told once: by the intent, where it was before anything went on. */
function requestFacts({ forwarded, capture }: Exchange): CapturableBody {
  const kept = capture?.isRead === true ? undefined : capture?.facts('request')
  return kept === undefined ? forwarded.facts() : { ...forwarded.facts(), ...kept }
}

function withGrpc(exchange: Exchange, error: Reason | undefined, how: How): How {
  const grpc = grpcFacts(exchange, error)
  return grpc === undefined ? how : { ...how, grpc }
}

/** Undefined where the request never reached the upstream. */
export function draftVia(exchange: Exchange): Via | undefined {
  const { upstream, response, marks, received, call } = exchange
  if (upstream === undefined || call === undefined) return undefined
  const { attempted } = call
  const draft: Draft<Via> = {
    upstream: upstream.name,
    attempts: attempted?.attempts ?? 0,
    timings: draftTimings(marks, attempted?.connectUs),
  }
  if (attempted?.address !== undefined) draft.address = attempted.address
  if (response !== undefined) {
    draft.status = response.status
    draft.response = received.facts()
  }
  if (attempted !== undefined) addAttempts(draft, attempted)
  return draft
}

/** What is out of the ordinary: a name, a fault, attempts that came before. */
function addAttempts(draft: Draft<Via>, { address, target, fault, failed }: BalancedCall): void {
  if (target !== undefined && target !== address) draft.target = target
  if (fault !== undefined) draft.fault = fault
  if (failed.length > 0) draft.failed = failed
}

function draftTimings(
  { startMs, sentMs, headMs, endMs }: Exchange['marks'],
  connectUs: number | undefined,
): NonNullable<Via['timings']> {
  if (startMs === undefined) return {}
  const timings: { connectUs?: number; sentUs?: number; headUs?: number; endUs?: number } = {}
  if (connectUs !== undefined) timings.connectUs = connectUs
  if (sentMs !== undefined) timings.sentUs = sinceUs(startMs, sentMs)
  if (headMs !== undefined) timings.headUs = sinceUs(startMs, headMs)
  if (endMs !== undefined) timings.endUs = sinceUs(startMs, endMs)
  return timings
}

function sinceUs(startMs: number, atMs: number): number {
  return Math.max(0, Math.round((atMs - startMs) * 1000))
}

/** Only who is verified: a claim that failed says nothing about anybody. */
export function draftWho({ principal, credential, requestSalt }: Exchange): Who | undefined {
  if (principal === undefined) return undefined
  const known = knownParty(principal, credential)
  if (requestSalt === undefined) return known.who
  // Named one by one: a spread of it costs more than the rest of what is done here.
  const { principal: party, credential: shown, facts } = known.who
  if (shown === undefined || facts === undefined) return { ...known.who, requestSalt }
  return { principal: party, credential: shown, facts, requestSalt }
}

interface KnownParty {
  readonly credential: Credential | undefined
  readonly who: Who
}

/** A WeakMap would be looked up in memory of its own, which is far away with every other caller. */
const PARTY = Symbol('party')

/**
 * Who showed the same credential before is the same principal, with the same text in a record. Kept
 * with the principal, and hidden from whoever copies it.
 */
function knownParty(
  principal: Principal & { [PARTY]?: KnownParty },
  credential: Credential | undefined,
): KnownParty {
  const known = principal[PARTY]
  if (known !== undefined && known.credential === credential) return known
  const made = { credential, who: draftParty(principal, credential) }
  if (known !== undefined) principal[PARTY] = made
  else if (Object.isExtensible(principal)) {
    Object.defineProperty(principal, PARTY, { value: made, writable: true })
  }
  return made
}

/** The frozen principal tells the recorder that all of it stays as it is. */
function draftParty(principal: Principal, credential: Credential | undefined): Who {
  const { id, kind, issuer, groups, roles, scopes, claims } = principal
  if (credential === undefined) return { principal: Object.freeze({ id, kind, issuer }) }
  return {
    principal: Object.freeze({ id, kind, issuer }),
    credential: draftCredential(credential),
    facts: {
      groups,
      roles,
      ...(scopes.length === 0 ? {} : { scopes }),
      ...(Object.keys(claims).length === 0 ? {} : { claims }),
    },
  }
}

function draftCredential(credential: Credential): NonNullable<Who['credential']> {
  const { method, id, sha256, expiresAtUs, authenticatedAtUs, mfaAtUs, proof } = credential
  return {
    method,
    ...(id === undefined ? {} : { id }),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(expiresAtUs === undefined ? {} : { expires: formatTime(expiresAtUs) }),
    ...(authenticatedAtUs === undefined ? {} : { authenticated: formatTime(authenticatedAtUs) }),
    ...(mfaAtUs === undefined ? {} : { mfa: formatTime(mfaAtUs) }),
    ...(proof === undefined ? {} : { proof }),
  }
}

export function draftWhere({ inbound: { peer, fields, standing } }: Exchange): Where {
  const { userAgent } = standing?.head ?? { userAgent: valuesOf(fields, 'user-agent')[0] }
  // The frozen object tells the recorder that it is the same place.
  const { last } = peer
  const known = last?.place
  if (known !== undefined && known.userAgent === userAgent) return known.where
  const draft: Draft<Where> = { address: peer.address }
  if (peer.port !== 0) draft.port = peer.port
  if (peer.proxies !== undefined) draft.forwarded = peer.proxies
  if (peer.tls !== undefined) draft.tls = peer.tls
  if (userAgent !== undefined) {
    draft.userAgent = redactText(userAgent).slice(0, USER_AGENT_LENGTH_MAX)
  }
  if (last === undefined) return draft
  last.place = { userAgent, where: Object.freeze(draft) }
  return draft
}

/** Of each connection the last: its requests say the same again and again. */
export interface LastPlace {
  readonly userAgent: string | undefined
  readonly where: Where
}

/** As much as was understood. A target that was refused is not repeated: it is not understood. */
function draftWhat({
  inbound,
  asked,
  route,
  question,
  upstream,
  forwardedPath,
  capture,
  inForce,
}: Pick<
  Exchange,
  'inbound' | 'asked' | 'route' | 'question' | 'upstream' | 'forwardedPath' | 'capture' | 'inForce'
>): What {
  const draft: Draft<What> = { scheme: inbound.peer.scheme }
  if (inbound.method !== '') draft.method = inbound.method.slice(0, METHOD_LENGTH_MAX)
  if (inbound.version !== '') draft.protocol = `HTTP/${inbound.version}`
  if (asked === undefined) return draft
  const forwarded = forwardedFacts({ route, asked, upstream, inForce, forwardedPath })
  const headers =
    question?.context.headers ?? recordedHeaders(inbound.fields, route?.headers ?? []).values
  draft.authority = asked.authority
  draft.path = question?.resource.path ?? recordedPath(asked.path).text
  if (asked.query !== undefined) draft.query = bounded(redactQuery(asked.query)).text
  if (route !== undefined) draft.route = route.name
  if (question?.context.operation !== undefined) draft.operation = question.context.operation
  if (Object.keys(headers).length > 0) draft.headers = headers
  if (asked.bodyBytes !== undefined) draft.body = { bytes: asked.bodyBytes }
  if (capture !== undefined) addCapture(draft, capture)
  draft.traceparent = asked.traceparent
  if (forwarded !== undefined) draft.forwarded = forwarded
  return draft
}

function addCapture(draft: Draft<What>, capture: ExchangeCapture): void {
  const kept = capture.facts('request')
  const read = capture.isRead ? capture.read.facts() : undefined
  if (read !== undefined || kept !== undefined) draft.body = { ...draft.body, ...read, ...kept }
  if (capture.sample !== undefined) draft.sample = capture.sample
}

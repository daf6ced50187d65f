import {
  formatTime,
  type How,
  type JsonObject,
  REASONS,
  type Reason,
  type Via,
  type What,
  type Where,
  type Who,
  type Why,
} from '@countersign/evidence'
import type { Credential } from '../identity/index.ts'
import { type Exchange, filled } from './exchange.ts'
import { valuesOf } from './header-fields.ts'
import type { IntentDraft, RefusalDraft } from './recording.ts'
import { redactHeader, redactQuery, redactText } from './redact.ts'

const USER_AGENT_LENGTH_MAX = 1024
const METHOD_LENGTH_MAX = 32
const HEADER_VALUES_MAX = 32
const TEXT_LENGTH_MAX = 8192
const POLICIES_MAX = 256

/** What is recorded before a request goes on. */
export function draftIntent(exchange: Exchange): IntentDraft {
  return {
    exchange: exchange.id,
    who: filled(draftWho(exchange), 'principal'),
    where: draftWhere(exchange),
    what: draftWhat(exchange),
    why: draftWhy(exchange, 'policy-permits'),
    personal: filled(exchange.route, 'route').personal,
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
        ? { inbound: exchange.inbound, asked: undefined, route: undefined }
        : exchange,
    ),
    why: draftWhy(exchange, reason),
    how: { ended: 'released', status: REASONS[reason].status, source: 'gateway' },
    personal: exchange.route?.personal ?? [],
  }
}

/** How a request that went on has ended at the client. */
export function draftHow(exchange: Exchange, how: Omit<How, 'request'>): How {
  const isForwarded = exchange.call !== undefined
  return isForwarded ? { ...how, request: exchange.forwarded.facts() } : how
}

/** Undefined where the request never reached the upstream. */
export function draftVia(exchange: Exchange): Via | undefined {
  const { upstream, response, marks, received, call } = exchange
  if (upstream === undefined || call === undefined) return undefined
  const timings = {
    ...sinceStart('sentUs', marks.startMs, marks.sentMs),
    ...sinceStart('headUs', marks.startMs, marks.headMs),
    ...sinceStart('endUs', marks.startMs, marks.endMs),
  }
  return {
    upstream: upstream.name,
    address: upstream.authority,
    attempts: 1,
    timings,
    ...(response === undefined ? {} : { status: response.status, response: received.facts() }),
  }
}

function sinceStart(name: string, startMs: number | undefined, atMs: number | undefined): object {
  if (startMs === undefined || atMs === undefined) return {}
  return { [name]: Math.max(0, Math.round((atMs - startMs) * 1000)) }
}

/** Only who is verified: a claim that failed says nothing about anybody. */
function draftWho({ principal, credential, requestSalt }: Exchange): Who | undefined {
  if (principal === undefined) return undefined
  const { id, kind, issuer, groups, roles, scopes, claims } = principal
  const salt = requestSalt === undefined ? {} : { requestSalt }
  if (credential === undefined) return { principal: { id, kind, issuer }, ...salt }
  return {
    principal: { id, kind, issuer },
    credential: draftCredential(credential),
    facts: {
      groups,
      roles,
      ...(scopes.length === 0 ? {} : { scopes }),
      ...(Object.keys(claims).length === 0 ? {} : { claims }),
    },
    ...salt,
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

function draftWhere({ inbound: { peer, fields } }: Exchange): Where {
  const [userAgent] = valuesOf(fields, 'user-agent')
  return {
    address: peer.address,
    port: peer.port,
    ...(peer.tls === undefined ? {} : { tls: peer.tls }),
    ...(userAgent === undefined
      ? {}
      : { userAgent: redactText(userAgent).slice(0, USER_AGENT_LENGTH_MAX) }),
  }
}

/** As much as was understood. A target that was refused is not repeated: it is not understood. */
function draftWhat({ inbound, asked, route }: Pick<Exchange, 'inbound' | 'asked' | 'route'>): What {
  const protocol = inbound.version === '' ? {} : { protocol: `HTTP/${inbound.version}` }
  const method = inbound.method === '' ? {} : { method: inbound.method.slice(0, METHOD_LENGTH_MAX) }
  if (asked === undefined) return { ...method, ...protocol, scheme: inbound.peer.scheme }
  const headers = draftHeaders(inbound.fields, route?.headers ?? [])
  return {
    ...method,
    scheme: inbound.peer.scheme,
    authority: asked.authority,
    path: bounded(redactText(asked.path)),
    ...(asked.query === undefined ? {} : { query: bounded(redactQuery(asked.query)) }),
    ...protocol,
    ...(route === undefined ? {} : { route: route.name }),
    ...(headers === undefined ? {} : { headers }),
    ...(asked.bodyBytes === undefined ? {} : { body: { bytes: asked.bodyBytes } }),
    traceparent: asked.traceparent,
  }
}

function draftHeaders(
  fields: Exchange['inbound']['fields'],
  allowed: readonly string[],
): What['headers'] | undefined {
  const captured = allowed
    .map((name) => name.toLowerCase())
    .map((name): [string, readonly string[]] => {
      const values = valuesOf(fields, name).slice(0, HEADER_VALUES_MAX)
      return [name, values.map((value) => bounded(redactHeader(name, value)))]
    })
    .filter(([, values]) => values.length > 0)
  return captured.length === 0 ? undefined : Object.fromEntries(captured)
}

function draftWhy(exchange: Exchange, reason: Reason): Why {
  const { decision, inForce, challenge } = exchange
  const { configurationSha256 } = inForce
  if (decision === undefined) {
    const facts = challenge?.fault === undefined ? {} : { facts: { fault: challenge.fault } }
    return { verdict: 'deny', reason, configurationSha256, ...facts }
  }
  return {
    verdict: reason === 'policy-permits' ? 'allow' : 'deny',
    reason,
    policies: decision.policies.slice(0, POLICIES_MAX),
    policySetSha256: decision.policySet,
    configurationSha256,
    requestSha256: decision.request,
    facts: impersonalFacts(exchange),
  }
}

/** The rest of what the policies saw is in `who`, `where` and `what`, each under its own key. */
function impersonalFacts({ decidedAtUs, inbound, credential, route }: Exchange): JsonObject {
  return {
    time: formatTime(filled(decidedAtUs, 'decidedAtUs')),
    tls: inbound.peer.tls !== undefined,
    credential: credential?.method ?? 'none',
    upstream: filled(route, 'route').upstream,
  }
}

/** Redaction can lengthen a text; what a record cannot hold is cut, and says so. */
function bounded(text: string): string {
  return text.length <= TEXT_LENGTH_MAX ? text : `${text.slice(0, TEXT_LENGTH_MAX - 5)}[cut]`
}

import type { JsonObject } from './json.ts'
import type { Kind } from './kinds.ts'
import type { Reason } from './reasons.ts'

/** A place in a ledger. */
export interface RecordPlace {
  readonly epoch: number
  readonly index: number
}

/**
 * What the gateway's clock did before this record. `behind`: it went back, `at` is earlier than
 * that of an earlier record. `ahead`: it leapt forward past the time that really went by.
 * `unknown`: first record of a process that has nothing to compare with. Left out: steady.
 */
export type ClockState = 'behind' | 'ahead' | 'unknown'

/** Section 1: when, and which record is this. */
export interface When {
  readonly v: 1
  readonly kind: Kind
  /** UUIDv7 of this record. */
  readonly id: string
  /** UUIDv7 of the exchange, on records that tell of one. */
  readonly exchange?: string
  /** RFC 3339, UTC, microseconds: the gateway's claim. */
  readonly at: string
  /** The gateway's configured name. */
  readonly gateway: string
  /** One for each life of a ledger instance. */
  readonly incarnation: number
  /** The record that this one closes or concerns. */
  readonly about?: RecordPlace
  readonly clock?: ClockState
  /** It may have been acted on before it was durable, under a window that was. */
  readonly recording?: 'relaxed'
}

/** Somebody, as the identity provider names them. */
export interface Principal {
  readonly id: string
  readonly kind: 'user' | 'service' | 'anonymous'
  readonly issuer?: string
}

/** How they showed who they are; never the secret itself. */
export interface Credential {
  readonly method: string
  readonly id?: string
  readonly sha256?: string
  readonly expires?: string
  /** When the principal last showed themself to the issuer. */
  readonly authenticated?: string
  /** The same, of an authentication with more than one factor. */
  readonly mfa?: string
  /** How the sender proved to hold the key that the credential is bound to. */
  readonly proof?: string
}

/** Sections 2 and 3: on whose behalf, and who acted for them. */
export interface Who {
  readonly principal: Principal
  readonly credential?: Credential
  /** Groups, roles and claims exactly as the policy saw them. */
  readonly facts?: JsonObject
  /** What `why.requestSha256` begins with: it is erased with the person, and the digest is mute. */
  readonly requestSalt?: string
}

/** As `Who`, for the acting party. */
export type Actor = Who

/** What was negotiated with the client. */
export interface TlsFacts {
  readonly version: string
  readonly cipher: string
  readonly serverName?: string
  readonly alpn?: string
  readonly clientCertificateSha256?: string
}

/** Section 4: from where. */
export interface Where {
  readonly address: string
  readonly port?: number
  /** Addresses of trusted proxies, nearest last. */
  readonly forwarded?: readonly string[]
  readonly tls?: TlsFacts
  readonly userAgent?: string
}

/** Length and SHA-256 of a body; the digest is left out where nothing was read. */
export interface BodyFacts {
  readonly bytes: number
  readonly sha256?: string
}

/** How many places of a captured body one rule of the route took out. */
export interface RedactionFacts {
  readonly rule: string
  readonly count: number
}

/** A body that is kept: sealed, in a file of its own. docs/format.md, "Bodies". */
export interface CapturedFacts {
  /** Of the file as it stands on the disk; its name. */
  readonly sha256: string
  /** Length of the file. */
  readonly bytes: number
  /** How it is sealed. */
  readonly algorithm: string
  /** Id of the key that seals it. */
  readonly key: string
  /** Length of what is inside. */
  readonly contentBytes: number
  /** Of a salt, which is inside the file, and the content: mute once the key is destroyed. */
  readonly contentSha256: string
  /** As the message said it. */
  readonly type?: string
  /** The content coding in which it is kept. */
  readonly coding?: string
  /** The content coding that was undone, so that it could be redacted. */
  readonly decoded?: string
  /** The body went on after what is kept of it. */
  readonly truncated?: true
  readonly redactions?: readonly RedactionFacts[]
}

/** What the route's capture made of a body. */
export interface CaptureFacts {
  readonly captured?: CapturedFacts
  /** Why it is not kept, in a word. */
  readonly uncaptured?: string
}

/** A body and what is kept of it. */
export interface CapturableBody extends BodyFacts, CaptureFacts {}

/** What chance said: it is captured where `drawn` is less than `perMillion`. */
export interface SampleFacts {
  readonly perMillion: number
  readonly drawn: number
}

/** Section 5 of exchanges: what was asked. All but `protocol` may be unknown in a refusal. */
export interface What {
  readonly method?: string
  readonly scheme?: string
  readonly authority?: string
  /** The canonical path, the one that was decided on and forwarded. */
  readonly path?: string
  /** The query without its leading `?`, secrets redacted. */
  readonly query?: string
  readonly protocol?: string
  readonly route?: string
  readonly operation?: string
  /** Only headers that the route lists; each value as received, in order. */
  readonly headers?: { readonly [name: string]: readonly string[] }
  readonly body?: CaptureFacts & { readonly bytes?: number; readonly sha256?: string }
  /** Of a route that captures only some. */
  readonly sample?: SampleFacts
  /** W3C traceparent as forwarded. */
  readonly traceparent?: string
  /** What the upstream was asked for, where that is not what was decided on. */
  readonly forwarded?: Forwarded
}

/** What a route's rewriting made of a request; redacted as the rest of it. */
export interface Forwarded {
  readonly authority?: string
  readonly path?: string
  /** The name of the credential that is shown to a service of somebody else. */
  readonly credential?: string
}

/** One limit that was asked. */
export interface LimitFacts {
  readonly name: string
  readonly limit: number
  readonly used: number
}

/** One match of request inspection. */
export interface InspectionFacts {
  readonly rule: string
  readonly target: string
}

/** Section 6: why it was allowed or not. */
export interface Why {
  readonly verdict: 'allow' | 'deny'
  readonly reason: Reason
  /** Ids of the policies that decided. */
  readonly policies?: readonly string[]
  readonly policySetSha256?: string
  readonly configurationSha256?: string
  /** Of the whole authorisation request. */
  readonly requestSha256?: string
  /** The impersonal facts that the policy saw. */
  readonly facts?: JsonObject
  readonly limits?: readonly LimitFacts[]
  readonly inspection?: readonly InspectionFacts[]
}

/** Microseconds from the start of forwarding to the end of each phase. */
export interface PhaseTimings {
  readonly connectUs?: number
  readonly sentUs?: number
  readonly headUs?: number
  readonly endUs?: number
}

/** Section 7: through what. */
export interface Via {
  readonly upstream: string
  readonly address?: string
  readonly attempts: number
  readonly timings?: PhaseTimings
  readonly status?: number
  /** The response body as received from the upstream. */
  readonly response?: BodyFacts
  /** Of several targets the one that was asked last, as it is configured, where it is a name. */
  readonly target?: string
  /** What was wrong with the last attempt, in a word. */
  readonly fault?: string
  /** Attempts before the last. */
  readonly failed?: readonly FailedAttemptFacts[]
}

/** One attempt that came to nothing, and was followed by another. */
export interface FailedAttemptFacts {
  readonly address: string
  readonly fault: string
  /** Microseconds since forwarding began. */
  readonly endUs: number
}

/** What became of the release. An outcome authorises it; it does not claim delivery. */
export type Ended = 'released' | 'client-aborted' | 'upstream-aborted' | 'interrupted'

/** Messages of a protocol that has them, each way: those that have passed whole. */
export interface MessageCounts {
  readonly request: number
  readonly response: number
  /** Where the route says that messages are digested. */
  readonly digests?: { readonly request: MessageDigests; readonly response: MessageDigests }
}

/** SHA-256 of messages of one direction: of those since the record before, and all in a chain. */
export interface MessageDigests {
  /** Number of the first that is listed, or of the next to come; the exchange's first is 1. */
  readonly first: number
  /** In order, at most MESSAGES_LISTED_MAX: what is beyond that is in `chain` alone. */
  readonly listed: readonly string[]
  /** Of all messages so far, as `chainMessage` makes it. */
  readonly chain: string
}

/** How a connection of messages was closed: the code that was said, and who said it first. */
export interface CloseFacts {
  readonly code: number
  readonly by: 'client' | 'upstream' | 'gateway'
}

/** Section 8 of a progress: how far a long exchange has come, both ways. */
export interface Progress {
  /** The request body as forwarded so far; its digest is a running one. */
  readonly request: BodyFacts
  /** The response body as released so far. */
  readonly response: BodyFacts
  readonly messages?: MessageCounts
}

/** How a call of gRPC ended: the upstream's status, or that of `error`. */
export interface GrpcFacts {
  readonly status: number
  /** The deadline that the client asked for. */
  readonly timeoutMs?: number
}

/** Section 8: how it ended. */
export interface How {
  readonly ended: Ended
  readonly status?: number
  readonly source?: 'upstream' | 'gateway'
  readonly error?: Reason
  /** The request body as forwarded. */
  readonly request?: CapturableBody
  /** The response body as released. */
  readonly response?: CapturableBody
  readonly messages?: MessageCounts
  readonly close?: CloseFacts
  readonly grpc?: GrpcFacts
}

/** Sections that may be sealed under a person's key. */
export type PersonalSection = 'who' | 'actor' | 'where' | 'what' | 'how'

/** Section 9: ids of the keys of the sections that are not under the ledger's key. */
export interface Seal {
  readonly keys: { readonly [section in PersonalSection]?: string }
  /** One of the keys is shared by many people: it expires, it cannot be erased for one of them. */
  readonly shared?: true
}

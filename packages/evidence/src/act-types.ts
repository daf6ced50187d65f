import type { JsonObject } from './json.ts'
import type { ActKind } from './kinds.ts'
import type { Reason } from './reasons.ts'

/** Who acted, on records other than exchanges: a number, never a name. */
export interface Actant {
  /** The subject number: 32 hexadecimal digits, meaningful only with the subject table. */
  readonly subject: string
  readonly method?: string
}

/**
 * Refusals that were counted instead of recorded one by one. The opening is durable before the
 * first of them is answered; it is about the last one that was recorded whole, where there is one.
 * Tallies, and in the end the close, are about the opening and count all up to then.
 */
export interface FoldFacts {
  readonly act: 'open' | 'tally' | 'close'
  readonly reason: Reason
  /** Whose refusals: one caller's, those of one network, or all others of this reason. */
  readonly scope: 'caller' | 'network' | 'all'
  /** The subject number of the caller or network; left out for all others. */
  readonly key?: string
  /** On the opening: how many may be answered before a tally that counts them is durable. */
  readonly untalliedMax?: number
  readonly from: string
  /** When the last of them was answered; not on the opening. */
  readonly until?: string
  /** How many they are; not on the opening. */
  readonly count?: number
}

/**
 * The time in which records of relaxed routes may be acted on before they are durable. An opening
 * is durable before the first of them, and none is later than `windowMs` after it. A renewal ends
 * one window and begins the next; a close only ends one. Both are about the record that began it.
 */
export interface WindowFacts {
  readonly act: 'open' | 'renew' | 'close'
  /** On an opening or renewal: how many relaxed records may follow it. */
  readonly recordsMax?: number
  readonly windowMs?: number
  /** On a renewal or close: how many relaxed records there were since the one that it is about. */
  readonly records?: number
}

/**
 * A span in which this incarnation wrote nothing, and why: the ledger could not (`unrecorded`
 * requests were answered with ledger-unavailable), or the process did not run. Or the end of a fold
 * that an earlier incarnation could not close: it is about the opening, and up to `unrecordedMax`
 * refusals were answered after its last tally. Or that of a window: up to `unrecordedMax` records
 * that were acted on are missing.
 */
export interface GapFacts {
  readonly reason: 'ledger-unavailable' | 'not-running' | 'fold-interrupted' | 'window-interrupted'
  readonly from: string
  readonly until: string
  readonly unrecorded: number
  readonly unrecordedMax?: number
}

/** A piece of a file: the pieces of one name, in their order, are the whole of it. */
export interface TextPiece {
  readonly name: string
  readonly text: string
}

/** A file that a configuration refers to, by the place that refers to it. */
export interface ReferencedFile {
  readonly name: string
  readonly sha256: string
}

/**
 * What configurations and policy sets have in common. `loaded` is durable, in all its parts,
 * before what it tells of is in force; its files are the whole text of that.
 */
export interface ChangeFacts {
  readonly act: 'loaded' | 'refused'
  /** Digest of the whole, as in the `why` of the decisions that are made by it. */
  readonly sha256: string
  /** What was in force before. */
  readonly previous?: string
  /** What asked for it: the start of the process, a signal, a changed file, the admin API. */
  readonly by?: 'start' | 'signal' | 'file' | 'admin'
  /** The address that asked for it, where one did. */
  readonly from?: string
  /** Why it was refused, a sentence each with the place to repair. */
  readonly problems?: readonly string[]
  readonly files?: readonly TextPiece[]
  /** From 1, where the files do not fit into one record: the parts follow one another. */
  readonly part?: number
  readonly parts?: number
}

/** A configuration that came into force, or was refused. */
export interface ConfigFacts extends ChangeFacts {
  /** Files that it names and that change decisions; policies and keys have records of their own. */
  readonly references?: readonly ReferencedFile[]
}

/** A policy set that came into force, or was refused. */
export type PolicyFacts = ChangeFacts

/**
 * A step of an approval by a second person, from the request that needs one to its last use. `who`
 * is who acts: who asks, who grants or denies, who uses it; nobody where time ends it. `about` is
 * the record of the step before: of the asking for an answer, of the grant for all that follows.
 */
export interface ApprovalFacts {
  readonly act: 'asked' | 'granted' | 'denied' | 'used' | 'used-up' | 'expired'
  readonly approval: string
  /** What it is for, where that is no request: `break-glass`. */
  readonly operation?: string
  readonly template?: string
  /** For whom. */
  readonly subject?: string
  readonly methods?: readonly string[]
  /** Pattern of the paths that it covers. */
  readonly path?: string
  /** How often it may be used. */
  readonly uses?: number
  /** Which of the uses this is, from 1. A crash may skip one: it is spent before it is recorded. */
  readonly use?: number
  readonly expires?: string
  /** The exchange that asks or uses. */
  readonly exchange?: string
  readonly reason?: string
}

/** An operation of the console or the API: searches and exports too. */
export interface AdminFacts {
  readonly operation: string
  readonly target?: string
  /** The address that asked for it. */
  readonly from?: string
  readonly parameters?: JsonObject
  readonly result: 'done' | 'refused' | 'failed'
}

/** A change of a key or credential. */
export interface KeyFacts {
  readonly act: 'created' | 'revoked' | 'expired' | 'rotated' | 'changed' | 'restored'
  readonly use: 'api' | 'token' | 'session' | 'log' | 'ledger' | 'subject' | 'wrapping'
  /** The public part: a prefix, an id, never the secret. */
  readonly key: string
  readonly subject?: string
  readonly expires?: string
}

/** The first record of a ledger instance's life. */
export interface StartFacts {
  readonly act: 'start'
  readonly version: string
  readonly runtime: string
  /** The longest silence that this incarnation allows itself, in milliseconds. */
  readonly heartbeatMs: number
  readonly rollbackProtection: string
}

/** The last record of an orderly end. */
export interface StopFacts {
  readonly act: 'stop'
  readonly cause: string
}

/** What was found of earlier incarnations, after their open intents were closed. */
export interface RecoveryFacts {
  readonly act: 'recovery'
  /** Intents that ended as `interrupted`. */
  readonly interrupted: number
  /** Bytes of a torn tail that were cut. They had not been acknowledged. */
  readonly cutBytes?: number
}

/** A sign of life in an idle ledger. */
export interface HeartbeatFacts {
  readonly act: 'heartbeat'
  /** Newest published size and root that this process has seen. */
  readonly size?: number
  readonly root?: string
}

/** The room on the volume of the ledger came to another level. */
export interface SpaceFacts {
  readonly act: 'space'
  /** `scarce`: nothing is forwarded from here on; `low`: a warning; `ample`: neither. */
  readonly level: 'ample' | 'low' | 'scarce'
  readonly freeBytes: number
  readonly totalBytes: number
  /** What is left of the reserve. */
  readonly reserveBytes: number
}

/**
 * A process that served requests for this one ended unasked. What it left open is ended after this
 * record, as interrupted, within the same incarnation: as many as it says, no others.
 */
export interface WorkerLostFacts {
  readonly act: 'worker-lost'
  /** From 1. */
  readonly worker: number
  /** What the machine said of its end. */
  readonly cause: string
  /** Intents that end as `interrupted`. */
  readonly interrupted: number
  /** Folds that end as gaps. */
  readonly folds: number
}

/** The process's own life. */
export type SystemFacts =
  | StartFacts
  | StopFacts
  | RecoveryFacts
  | HeartbeatFacts
  | SpaceFacts
  | WorkerLostFacts

/** One finished file of sealed sections. */
export interface BlockFile {
  /** Within the epoch's directory: `records/12`, `acts/12`, `persons/3072`. */
  readonly path: string
  readonly sha256: string
  readonly bytes: number
}

/** Digests of finished files, so that anybody can check them without a key. */
export interface BlockFacts {
  readonly files: readonly BlockFile[]
}

/** The very first record of an epoch. */
export interface EpochFacts {
  readonly epoch: number
  readonly origin: string
  readonly vkeys: readonly string[]
  /** The end of the epoch before, or nothing. */
  readonly previous?: { readonly origin: string; readonly size: number; readonly root: string }
}

/** A detection that fired, or was dealt with. */
export interface AlertFacts {
  readonly act: 'raised' | 'closed'
  readonly alert: string
  readonly rule: string
  readonly indices?: readonly number[]
  /** What it rests on; people by subject number. */
  readonly facts?: JsonObject
}

/** The destruction of keys, in two steps so that a crash resumes it. */
export interface ErasureFacts {
  readonly act: 'asked' | 'done'
  readonly erasure: string
  readonly keys: readonly string[]
  readonly subject?: string
}

/** The removal of expired files, in two steps so that a crash resumes it. */
export interface RetentionFacts {
  readonly act: 'asked' | 'done'
  readonly rule: string
  readonly files: readonly string[]
}

/** What must not expire for now. */
export interface HoldFacts {
  readonly act: 'placed' | 'lifted'
  readonly hold: string
  readonly subject?: string
  readonly from?: string
  readonly until?: string
}

/**
 * A listener's certificate that the gateway obtains itself (RFC 8555): taken from its file at a
 * start, obtained for the first time, renewed, or not to be had. What it tells of is durable before
 * the certificate is used; where it failed, what was used before stays in use.
 */
export interface CertificateFacts {
  readonly act: 'loaded' | 'obtained' | 'renewed' | 'failed'
  readonly listener: string
  /** Of the certificate authority. */
  readonly directory: string
  /** What it is asked for, or good for. */
  readonly names: readonly string[]
  /** Of the certificate, as DER; where it failed, of the one that stays in use. */
  readonly sha256?: string
  /** Of the one before. */
  readonly previous?: string
  /** Its validity. */
  readonly from?: string
  readonly until?: string
  readonly problem?: string
  /** When it is tried again. */
  readonly retry?: string
}

/** The facts of every act, by kind; they are its `what`. */
export interface ActFacts {
  readonly fold: FoldFacts
  readonly gap: GapFacts
  readonly config: ConfigFacts
  readonly policy: PolicyFacts
  readonly approval: ApprovalFacts
  readonly admin: AdminFacts
  readonly key: KeyFacts
  readonly system: SystemFacts
  readonly block: BlockFacts
  readonly epoch: EpochFacts
  readonly alert: AlertFacts
  readonly erasure: ErasureFacts
  readonly retention: RetentionFacts
  readonly hold: HoldFacts
  readonly window: WindowFacts
  readonly certificate: CertificateFacts
}

/** The facts of an act of any kind. */
export type AnyActFacts = ActFacts[ActKind]

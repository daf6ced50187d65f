import type { Approval, Asking as ApprovalAsking, Redemption, Use } from '../../approval/index.ts'
import type { SessionFacts } from '../../identity/index.ts'
import type { FoldDraft, PersonalChoice } from '../../recorder/index.ts'
import type { CountsFacts } from '../../telemetry/index.ts'
import type { UpstreamView } from '../../upstream/index.ts'
import type { CertificateWords } from './followed-certificates.ts'
import type { PreparedWords } from './prepared-words.ts'

/** Whose key a section goes under: an issuer and an id, or an address alone. */
export type SubjectWords = readonly [issuer: string | undefined, name: string]

/** Where an intent stands in the log, and among those that its worker has open. */
export type IntentWords = readonly [index: number, slot: number]

/** The JSON of the sections of a request: who, actor, where, what, why. */
export type AskedWords = readonly (string | undefined)[]

/** Bodies that a record names, captured before; mostly none. */
type BodyIds = readonly number[] | undefined

/** What a record says of a body that the gateway has sealed; digests and ids hexadecimal. */
export interface SealedWords {
  readonly sha256: string
  readonly bytes: number
  readonly contentBytes: number
  readonly contentSha256: string
  readonly keyId: string
}

/**
 * What a worker asks for. Rows of plain values, because thousands of them cross in a second: first
 * what it is, then the place of whoever waits for the answer.
 */
export type Asking =
  | readonly [
      'intent',
      number,
      exchange: string,
      party: SubjectWords,
      actor: SubjectWords | undefined,
      personal: readonly PersonalChoice[] | undefined,
      texts: AskedWords,
      isRelaxed: boolean,
      bodies: BodyIds,
    ]
  | readonly [
      'refusal',
      number,
      exchange: string,
      party: SubjectWords,
      actor: SubjectWords | undefined,
      personal: readonly PersonalChoice[] | undefined,
      texts: AskedWords,
      how: string,
      bodies: BodyIds,
    ]
  | readonly [
      'outcome',
      number,
      intent: IntentWords,
      via: string | undefined,
      how: string,
      bodies: BodyIds,
    ]
  | readonly ['progress', number, intent: IntentWords, how: string]
  | readonly [
      'fold',
      number,
      draft: FoldDraft,
      key: SubjectWords | undefined,
      about: number | undefined,
    ]
  | readonly ['count', number, fold: number, act: 'tally' | 'close', count: number, until: string]
  | readonly ['session', number, login: string, key: string]
  | readonly ['body', number, party: SubjectWords]
  | readonly ['piece', number, body: number, bytes: Uint8Array]
  | readonly ['seal', number, body: number]
  | readonly ['approval', number, ApprovalAsking]
  | readonly ['redeem', number, Redemption]
  | readonly ['take', number, asks: readonly (string | number)[], leaseUs: number]
  | readonly [
      'own',
      number,
      url: string,
      method: string,
      fields: readonly (readonly [string, string])[],
      body: Uint8Array | undefined,
    ]

/** What a worker tells without asking. */
export type Telling =
  | readonly ['drop', body: number]
  | readonly ['release', held: number]
  | readonly ['renew', held: number]
  | readonly ['counts', CountsFacts, readonly UpstreamView[]]
  | readonly ['serving', ListeningWords]
  | readonly ['stopped']
  | readonly ['ready', token: number, problem: string | undefined]
  | readonly ['failed', problem: string]

export type FromWorker = Asking | Telling

/** Where it listens. */
export type ListeningWords = readonly {
  readonly name: string
  readonly host: string
  readonly port: number
}[]

/** What the gateway answers, by the place of whoever waits. */
export type Answer =
  /**
   * A record: its place, its leaf, and what opens its receipt, each byte a character. Of an intent
   * its slot among those that the worker has open; else -1. One that is relaxed may have its place
   * before it is durable: the tag then opens the receipt that is had later.
   */
  | readonly [
      'recorded',
      number,
      index: number,
      leaf: string,
      tag: string,
      slot: number,
      isDurable: boolean,
    ]
  | readonly ['done', number]
  | readonly ['session', number, SessionFacts | undefined]
  | readonly ['begun', number, body: number]
  | readonly ['sealed', number, SealedWords]
  /** Undefined: nobody could grant it. */
  | readonly ['waits', number, Approval | undefined]
  | readonly ['used', number, Use]
  | readonly ['refused', number, code: string, message: string]
  | readonly [
      'taken',
      number,
      held: number | undefined,
      isAdmitted: boolean,
      standings: readonly number[],
    ]
  | readonly [
      'owned',
      number,
      status: number,
      fields: readonly (readonly [string, string])[],
      body: Uint8Array,
    ]

/** What seals the state of a sign-in, by the login's configuration, JSON. */
export type LoginWords = readonly (readonly [config: string, key: Uint8Array])[]

/** What the gateway tells its workers. */
export type Order =
  | readonly ['begin', WorkerBeginning]
  | readonly ['prepare', token: number, PreparedWords, LoginWords]
  | readonly ['apply', token: number]
  | readonly ['abandon', token: number]
  | readonly ['measures', text: string]
  | readonly ['standing', text: string]
  | readonly ['certificates', CertificateWords]
  /** Sessions that are over, by their keys. */
  | readonly ['ended', keys: readonly string[]]
  | readonly ['space', isScarce: boolean]
  | readonly ['tell']
  | readonly ['stop']

export type FromGateway = Answer | Order

/** What a worker begins with. */
export interface WorkerBeginning {
  readonly worker: number
  readonly origin: string
  readonly epoch: number
  readonly prepared: PreparedWords
  readonly logins: LoginWords
  /** What nonces of DPoP are made with. */
  readonly nonceSecret: Uint8Array
  /** Listening sockets that it was started with: the name of the listener, the descriptor. */
  readonly sockets: readonly (readonly [name: string, fd: number])[]
  /** The measures in force, JSON. */
  readonly measures: string
  /** What is granted and what glass is broken, JSON. */
  readonly standing: string
  readonly certificates: CertificateWords
  readonly isSpaceScarce: boolean
}

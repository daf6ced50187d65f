import type { CapturedFacts, Where, Who } from '@countersign/evidence'
import { LedgerError } from '../ledger/index.ts'
import {
  BODY_ALGORITHM,
  type BodyStore,
  type SealedBody,
  type SealKey,
  type Subject,
  type Vault,
} from '../vault/index.ts'
import { RecorderError } from './error.ts'
import { subjectOf } from './subject.ts'

/** A body that is durable, and named by no record yet: what a record is to say of it. */
export interface CapturedBody extends Omit<SealedBody, 'key' | 'path'> {
  readonly key: Pick<SealKey, 'id'>
}

/** Where a body goes, piece by piece; after a fault only `abandon` is left. */
export interface BodySink {
  /** Takes the next bytes, which must not change; a promise where the disk is behind. */
  add(bytes: Uint8Array): undefined | Promise<void>
  /** Resolves when the body is durable under its name. */
  finish(): Promise<CapturedBody>
  /** Leaves nothing behind. Never rejects. */
  abandon(): Promise<void>
}

export interface BodiesOptions {
  /** Without it nothing is captured. */
  readonly store: BodyStore | undefined
  readonly vault: Vault
  readonly nowUs: () => number
  readonly incarnation: () => number | undefined
}

/** Captured bodies, from their first byte to the record that names them. */
export class Bodies {
  readonly #options: BodiesOptions

  constructor(options: BodiesOptions) {
    this.#options = options
  }

  /** A body of whom the request is of, or of where it comes from, as personal sections are. */
  begin(who: Who | undefined, where: Where): Promise<BodySink> {
    return this.beginOf(subjectOf(who, where))
  }

  async beginOf(subject: Subject): Promise<BodySink> {
    const { store, vault, nowUs, incarnation } = this.#options
    const life = incarnation()
    if (store === undefined || life === undefined) {
      throw new RecorderError('RECORDER_UNAVAILABLE', 'no record could name a body now')
    }
    return store.begin(vault.subjectKey(subject, nowUs()), life)
  }

  /** A body that no record is to name after all. */
  async forget(body: CapturedBody): Promise<void> {
    await this.#options.store?.drop(stored(body))
  }

  /** Keys whose rows the record must bring along. */
  keysOf(bodies: readonly CapturedBody[] | undefined): readonly SealKey[] | undefined {
    return bodies?.map((body) => stored(body).key)
  }

  /** The record that names them is durable. */
  named(bodies: readonly CapturedBody[] | undefined): void {
    for (const body of bodies ?? []) void this.#options.store?.keep(stored(body))
  }

  /** What may be on record all the same is left to the next start, which finds out. */
  unnamed(bodies: readonly CapturedBody[] | undefined, error: unknown): void {
    if (bodies === undefined || !isCertain(error)) return
    for (const body of bodies) void this.#options.store?.drop(stored(body))
  }
}

/** Whether the record is not written for certain: a write that failed may be on the disk. */
function isCertain(error: unknown): boolean {
  if (!(error instanceof RecorderError)) return false
  const { code, cause } = error
  if (code !== 'RECORDER_UNAVAILABLE') return true
  return cause === undefined || (cause instanceof LedgerError && cause.code === 'LEDGER_FULL')
}

function stored(body: CapturedBody): SealedBody {
  if (isStored(body)) return body
  throw new RecorderError('RECORDER_UNAVAILABLE', 'the body was sealed by another recorder')
}

function isStored(body: CapturedBody): body is SealedBody {
  return 'path' in body
}

/** How a record names a body. */
export function sealedFacts(body: CapturedBody): CapturedFacts {
  const { sha256, bytes, contentBytes, contentSha256 } = body
  const key = Buffer.from(body.key.id).toString('hex')
  return { sha256, bytes, algorithm: BODY_ALGORITHM, key, contentBytes, contentSha256 }
}

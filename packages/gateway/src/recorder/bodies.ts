import type { CapturedFacts, Where, Who } from '@countersign/evidence'
import { LedgerError } from '../ledger/index.ts'
import {
  BODY_ALGORITHM,
  type BodyStore,
  type BodyWriter,
  type SealedBody,
  type SealKey,
  type Vault,
} from '../vault/index.ts'
import { RecorderError } from './error.ts'
import { subjectOf } from './subject.ts'

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
  async begin(who: Who | undefined, where: Where): Promise<BodyWriter> {
    const { store, vault, nowUs, incarnation } = this.#options
    const life = incarnation()
    if (store === undefined || life === undefined) {
      throw new RecorderError('RECORDER_UNAVAILABLE', 'no record could name a body now')
    }
    return store.begin(vault.subjectKey(subjectOf(who, where), nowUs()), life)
  }

  /** A body that no record is to name after all. */
  async forget(body: SealedBody): Promise<void> {
    await this.#options.store?.drop(body)
  }

  /** Keys whose rows the record must bring along. */
  keysOf(bodies: readonly SealedBody[] | undefined): readonly SealKey[] | undefined {
    return bodies?.map(({ key }) => key)
  }

  /** The record that names them is durable. */
  named(bodies: readonly SealedBody[] | undefined): void {
    for (const body of bodies ?? []) void this.#options.store?.keep(body)
  }

  /** What may be on record all the same is left to the next start, which finds out. */
  unnamed(bodies: readonly SealedBody[] | undefined, error: unknown): void {
    if (bodies === undefined || !isCertain(error)) return
    for (const body of bodies) void this.#options.store?.drop(body)
  }
}

/** Whether the record is not written for certain: a write that failed may be on the disk. */
function isCertain(error: unknown): boolean {
  if (!(error instanceof RecorderError)) return false
  const { code, cause } = error
  if (code !== 'RECORDER_UNAVAILABLE') return true
  return cause === undefined || (cause instanceof LedgerError && cause.code === 'LEDGER_FULL')
}

/** How a record names a body. */
export function sealedFacts(body: SealedBody): CapturedFacts {
  const { sha256, bytes, contentBytes, contentSha256 } = body
  const key = Buffer.from(body.key.id).toString('hex')
  return { sha256, bytes, algorithm: BODY_ALGORITHM, key, contentBytes, contentSha256 }
}

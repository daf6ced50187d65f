import {
  type Checkpoint,
  equalHashes,
  formatCheckpoint,
  formatNote,
  type NoteSigner,
} from '@countersign/tlog'
import type { Clock } from '../platform/index.ts'
import { LedgerError } from './error.ts'

/** Signs checkpoints of one origin. The keys may be elsewhere. */
export interface CheckpointSigner {
  readonly origin: string
  /** What verifies it, one verifier key for each signature line. */
  readonly vkeys: readonly string[]
  /** The whole signed note. */
  sign(checkpoint: Checkpoint): Promise<string> | string
}

/** Signs with keys at hand: a line for each, Ed25519 first, all named as the origin. */
export function localCheckpointSigner(options: {
  readonly origin: string
  readonly vkeys: readonly string[]
  readonly signers: readonly NoteSigner[]
  readonly clock: Clock
}): CheckpointSigner {
  const { origin, vkeys, signers, clock } = options
  return {
    origin,
    vkeys,
    sign(checkpoint) {
      const text = formatCheckpoint(checkpoint)
      const seconds = Math.floor(clock.nowUs() / 1_000_000)
      return formatNote({ text, signatures: signers.map((signer) => signer.sign(text, seconds)) })
    },
  }
}

/**
 * A signer that refuses to go back: never a smaller size, never another root at the same size. It
 * begins at what the lock says was signed last.
 */
export class ForwardSigner {
  readonly #signer: CheckpointSigner
  #last: Pick<Checkpoint, 'size' | 'root'>

  constructor(signer: CheckpointSigner, last: Pick<Checkpoint, 'size' | 'root'>) {
    this.#signer = signer
    this.#last = last
  }

  async sign({ size, root }: Pick<Checkpoint, 'size' | 'root'>): Promise<string> {
    const last = this.#last
    const isFork = size === last.size && !equalHashes(root, last.root)
    if (size < last.size || isFork) {
      const why = isFork ? 'another root at the same size' : `size ${last.size} was signed`
      throw new LedgerError('LEDGER_SIGNER_REFUSED', `signer refuses size ${size}: ${why}`)
    }
    this.#last = { size, root }
    return this.#signer.sign({ origin: this.#signer.origin, size, root })
  }
}

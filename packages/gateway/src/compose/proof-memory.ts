import { createHmac } from 'node:crypto'
import {
  DpopNonces,
  FileReplayStore,
  MemoryReplayStore,
  NONCE_KEY_BYTES,
  type ReplayStore,
} from '../identity/index.ts'
import { openSeenFile } from '../platform/index.ts'
import type { Machine } from './machine.ts'

/** What a store of used proofs is for, and how much it has to hold. */
export interface ReplayNeeds {
  readonly file: string | undefined
  readonly windowMs: number
  readonly aheadMs: number
  readonly entriesMax: number
}

/**
 * What is remembered of proofs, through every configuration: a new one must neither forget which
 * were used nor make callers prove themselves once more. A store is made anew where its own
 * settings change.
 */
export class ProofMemory {
  readonly #machine: Pick<Machine, 'clock' | 'random'>
  readonly #stores = new Map<string, Kept>()
  readonly #nonces = new WeakMap<
    ReplayStore,
    { readonly periodMs: number; readonly nonces: DpopNonces }
  >()

  readonly #keyOf = new WeakMap<ReplayStore, string>()
  readonly #nonceSecret: Uint8Array | undefined

  /** With a `nonceSecret` every process that has it takes the nonces of all of them. */
  constructor(machine: Pick<Machine, 'clock' | 'random'>, nonceSecret?: Uint8Array) {
    this.#machine = machine
    this.#nonceSecret = nonceSecret
  }

  replays(name: string, { file, ...needs }: ReplayNeeds): ReplayStore {
    const key = JSON.stringify([file, needs])
    const known = this.#stores.get(name)
    if (known?.key === key) return known.store
    const { clock } = this.#machine
    const options = { ...needs, nowUs: clock.nowUs() }
    const unknownMark = options.nowUs + needs.aheadMs * 1000
    const aheadMs = Math.max(needs.aheadMs, known?.aheadMs ?? 0)
    const made =
      file === undefined
        ? new MemoryReplayStore(options)
        : new FileReplayStore(openSeenFile(file, { ...options, unknownMark }), options)
    const store = known === undefined ? made : new Successor(made, clock, aheadMs)
    // The former one stays open: exchanges that go by its configuration may still ask it.
    this.#stores.set(name, { key, store, aheadMs: needs.aheadMs })
    this.#keyOf.set(store, key)
    return store
  }

  /** For whoever asks this store: one that is another knows nothing of proofs with old nonces. */
  nonces(periodMs: number, store: ReplayStore): DpopNonces {
    const known = this.#nonces.get(store)
    if (known?.periodMs === periodMs) return known.nonces
    const nonces = new DpopNonces({ key: this.#nonceKey(periodMs, store), periodMs })
    this.#nonces.set(store, { periodMs, nonces })
    return nonces
  }

  #nonceKey(periodMs: number, store: ReplayStore): Uint8Array {
    if (this.#nonceSecret === undefined) return this.#machine.random.bytes(NONCE_KEY_BYTES)
    const settings = `${periodMs} ${this.#keyOf.get(store)}`
    return createHmac('sha256', this.#nonceSecret).update(settings).digest()
  }
}

interface Kept {
  readonly key: string
  readonly store: ReplayStore
  readonly aheadMs: number
}

/**
 * A store that takes over from another. Until it is asked for the first time proofs are used
 * without its knowing: its configuration may be in force later than it was read, or never.
 */
class Successor implements ReplayStore {
  readonly #store: ReplayStore
  readonly #clock: Machine['clock']
  readonly #aheadMs: number
  #unknownUntilUs: number | undefined

  constructor(store: ReplayStore, clock: Machine['clock'], aheadMs: number) {
    this.#store = store
    this.#clock = clock
    this.#aheadMs = aheadMs
  }

  get forgottenUntilUs(): number {
    this.#unknownUntilUs ??= this.#clock.nowUs() + this.#aheadMs * 1000
    return Math.max(this.#unknownUntilUs, this.#store.forgottenUntilUs)
  }

  add(...of: Parameters<ReplayStore['add']>): ReturnType<ReplayStore['add']> {
    return this.#store.add(...of)
  }

  close(): void {
    this.#store.close()
  }
}

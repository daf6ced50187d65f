import {
  DpopNonces,
  FileReplayStore,
  MemoryReplayStore,
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
  readonly #stores = new Map<string, { readonly key: string; readonly store: ReplayStore }>()
  readonly #nonces = new Map<number, DpopNonces>()

  constructor(machine: Pick<Machine, 'clock' | 'random'>) {
    this.#machine = machine
  }

  replays(name: string, { file, ...needs }: ReplayNeeds): ReplayStore {
    const key = JSON.stringify([file, needs])
    const known = this.#stores.get(name)
    if (known?.key === key) return known.store
    const options = { ...needs, nowUs: this.#machine.clock.nowUs() }
    const store =
      file === undefined
        ? new MemoryReplayStore(options)
        : new FileReplayStore(openSeenFile(file, options), options)
    // The former one stays open: exchanges that go by its configuration may still ask it.
    this.#stores.set(name, { key, store })
    return store
  }

  nonces(periodMs: number): DpopNonces {
    const known = this.#nonces.get(periodMs)
    if (known !== undefined) return known
    const made = new DpopNonces({ random: this.#machine.random, periodMs })
    this.#nonces.set(periodMs, made)
    return made
  }
}

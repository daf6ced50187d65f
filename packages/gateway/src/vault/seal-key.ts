import { hash } from 'node:crypto'
import { cutSalts, type Sha512 } from '@countersign/evidence'
import { writeLatin1 } from '../platform/index.ts'
import type { SaltCutter } from './salts.ts'

/** The section `seal` of records that have no key but this one beside the ledger's. */
interface SealNote {
  /** One bit for each section that is under it. */
  readonly sections: number
  readonly text: string
}

/** A key as the recorder uses it: it salts sections; sealing them is the packer's. */
export class SealKey {
  /** 16 bytes. */
  readonly id: Uint8Array
  /** All anonymous traffic of a day shares this key: it cannot be erased for one, it expires. */
  readonly expiresOnly: boolean
  readonly fromUs: number
  readonly toUs: number
  /** What whoever seals with it noted last: a map beside it is looked up for every record. */
  seal: SealNote | undefined
  readonly #saltKey: Uint8Array
  readonly #derive: (info: Uint8Array) => Uint8Array
  #row: Uint8Array | undefined

  constructor(key: {
    readonly id: Uint8Array
    readonly fromUs: number
    readonly toUs: number
    readonly saltKey: Uint8Array
    readonly derive: (info: Uint8Array) => Uint8Array
    readonly expiresOnly: boolean
    readonly row: Uint8Array | undefined
  }) {
    this.id = key.id
    this.fromUs = key.fromUs
    this.toUs = key.toUs
    this.expiresOnly = key.expiresOnly
    this.seal = undefined
    this.#saltKey = key.saltKey
    this.#derive = key.derive
    this.#row = key.row
  }

  /** The wrapped key, to be appended with whatever uses it until one such append is durable. */
  get row(): Uint8Array | undefined {
    return this.#row
  }

  /** An entry that carried `row` is durable. */
  markDurable(): void {
    this.#row = undefined
  }

  /** Another key that follows from this one: what is sealed outside of records. */
  derive(info: Uint8Array): Uint8Array {
    return this.#derive(info)
  }

  /** Salts for the record's sections under this key, in ascending order of section id. */
  salts(recordId: Uint8Array, count: number): readonly Uint8Array[] {
    return cutSalts(sha512, { saltKey: this.#saltKey, recordId, count })
  }

  /** As `salts`, which `cutter` then cuts as they are asked for. */
  beginSalts(cutter: SaltCutter, recordId: Uint8Array): void {
    cutter.begin(this.#saltKey, recordId, 0)
  }
}

/** Over a latin1 string: a Buffer result costs three times the hash. */
export const sha512: Sha512 = {
  digest: (bytes) => {
    const digest = new Uint8Array(SHA512_BYTES)
    writeLatin1(digest, 0, hash('sha512', bytes, 'latin1'), SHA512_BYTES)
    return digest
  },
}

const SHA512_BYTES = 64

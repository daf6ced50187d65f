import type { KeyObject } from 'node:crypto'
import type { Disk } from '../platform/index.ts'
import { concat, hex, mapKey, utf8 } from './bytes.ts'
import { deriveKey, secretKey } from './cipher.ts'
import { VaultError } from './errors.ts'
import type { Kek } from './kek.ts'
import { KeyFile, keyFileName, STANDING_PERIOD } from './key-file.ts'
import { type KeyClass, keyRowId, openKeyRow, readKeyRow } from './key-row.ts'
import { RecentMap } from './recent-map.ts'

/** A key as blocks use it: each derived once. */
export interface DataKey {
  readonly id: Uint8Array
  readonly packKey: KeyObject
  readonly saltKey: Uint8Array
  /** As `SealKey.derive`. */
  derive(info: Uint8Array): Uint8Array
}

/** Who packs needs no salts, and who makes a receipt no packs: each is derived when asked for. */
class DerivedKey implements DataKey {
  readonly id: Uint8Array
  readonly #key: KeyObject
  readonly #packInfo: Uint8Array
  #packKey: KeyObject | undefined
  #saltKey: Uint8Array | undefined

  constructor(id: Uint8Array, key: KeyObject, packInfo: Uint8Array) {
    this.id = id
    this.#key = key
    this.#packInfo = packInfo
  }

  get packKey(): KeyObject {
    this.#packKey ??= secretKey(deriveKey(this.#key, this.#packInfo))
    return this.#packKey
  }

  get saltKey(): Uint8Array {
    this.#saltKey ??= deriveKey(this.#key, SALT_INFO)
    return this.#saltKey
  }

  derive(info: Uint8Array): Uint8Array {
    return deriveKey(this.#key, info)
  }
}

/** Derived keys that are kept ready; beyond it the least used are derived again. */
export const DERIVED_KEYS_MAX = 32_768

export const SALT_INFO = 'countersign/salt/v1'
const PACK_INFO = 'countersign/pack/v1\0'

export interface KeyRingOptions {
  readonly disk: Disk
  /** The directory of the key files, `data/keys`. */
  readonly directory: string
  readonly kek: Kek
  readonly origin: string
  /** Rows that one file may hold, where less than KEY_ROWS_MAX is plausible. */
  readonly rowsMax?: number
}

/**
 * The keys that blocks are sealed under: the files of wrapped rows, and the rows that payloads
 * brought and that `flush` has not yet written. One ring a process (or worker) writes a file.
 */
export class KeyRing {
  readonly #options: KeyRingOptions
  readonly #packInfo: Uint8Array
  readonly #files = new Map<string, KeyFile>()
  readonly #derived = new RecentMap<string, DataKey>({ entriesMax: DERIVED_KEYS_MAX })
  readonly #learned = new Map<string, Uint8Array>()

  constructor(options: KeyRingOptions) {
    this.#options = options
    this.#packInfo = concat(utf8(PACK_INFO), utf8(options.origin))
  }

  /** VAULT_KEY_MISSING when no row holds the key, VAULT_KEY_DAMAGED when one lies. */
  async key(id: Uint8Array): Promise<DataKey> {
    return this.ready(id) ?? this.#derive(id, await this.#row(id))
  }

  /** The key if it was used lately: no promise, no disk. */
  ready(id: Uint8Array): DataKey | undefined {
    return this.#derived.get(mapKey(id))
  }

  /** Takes a row that a payload brought; it is written by the next `flush`. */
  learn(row: Uint8Array): void {
    const id = mapKey(keyRowId(row))
    if (!this.#learned.has(id)) this.#learned.set(id, Uint8Array.from(row))
  }

  /** Makes every learned row durable: nothing sealed under a key is written before it resolves. */
  async flush(): Promise<void> {
    const pending = [...this.#learned]
    const byFile = Map.groupBy(pending, ([, row]) => keyFileName(keyRowId(row)))
    for (const [name, rows] of byFile) {
      const file = await this.#file(name)
      await file.put(rows.map(([, row]) => row))
    }
    for (const [id] of pending) this.#learned.delete(id)
  }

  /** Rows of one key file, those of this ring's own that are not written yet included. */
  async rows(period: number): Promise<readonly Uint8Array[]> {
    const name = keyFileName(period)
    const learned = [...this.#learned.values()]
    const file = await this.#file(name)
    return [...file.rows(), ...learned.filter((row) => keyFileName(keyRowId(row)) === name)]
  }

  /** A key that is made once for good; undefined before its class has one. */
  async standing(keyClass: KeyClass): Promise<Uint8Array | undefined> {
    for (const row of await this.rows(STANDING_PERIOD)) {
      const facts = readKeyRow(row)
      if (typeof facts === 'object' && facts.class === keyClass) return row
    }
    return undefined
  }

  /** The key of payloads that are no records. */
  async opaqueKeyId(): Promise<Uint8Array> {
    const row = await this.standing('opaque')
    if (row !== undefined) return keyRowId(row)
    throw new VaultError('VAULT_KEY_MISSING', 'no standing key for opaque payloads')
  }

  unwrap(row: Uint8Array): KeyObject {
    return secretKey(openKeyRow(row, this.#options.kek.wrapKey))
  }

  async #row(id: Uint8Array): Promise<Uint8Array> {
    const learned = this.#learned.get(mapKey(id))
    if (learned !== undefined) return learned
    const file = await this.#file(keyFileName(id))
    const row = file.find(id) ?? ((await file.refresh()) ? file.find(id) : undefined)
    if (row !== undefined) return row
    const keyId = hex(id)
    const message = `${file.path} has no row of key ${keyId}: restore that file from a backup`
    throw new VaultError('VAULT_KEY_MISSING', message, {
      place: { file: file.path, keyId },
    })
  }

  #derive(id: Uint8Array, row: Uint8Array): DataKey {
    const derived = new DerivedKey(Uint8Array.from(id), this.unwrap(row), this.#packInfo)
    this.#derived.set(mapKey(id), derived)
    return derived
  }

  async #file(name: string): Promise<KeyFile> {
    const known = this.#files.get(name)
    if (known !== undefined) return known
    const { disk, directory, rowsMax } = this.#options
    const file = new KeyFile(disk, directory, name, rowsMax)
    await file.refresh()
    this.#files.set(name, file)
    return file
  }
}

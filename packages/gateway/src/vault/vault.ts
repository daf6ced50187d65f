import { createHmac, type KeyObject } from 'node:crypto'
import { join } from 'node:path'
import type { Disk, Random } from '../platform/index.ts'
import { addressPrefix } from './address-prefix.ts'
import { concat, mapKey, utf8 } from './bytes.ts'
import { deriveKey, KEY_BYTES, NONCE_BYTES } from './cipher.ts'
import { VaultError } from './errors.ts'
import { checkKek, type Kek, writeKekCheck } from './kek.ts'
import { KEY_ID_RANDOM_BYTES, keyFileName, newKeyId, STANDING_PERIOD } from './key-file.ts'
import { KeyRing, SALT_INFO } from './key-ring.ts'
import { KEY_CLASSES, type KeyClass, LOOKUP_BYTES, readKeyRow, sealKeyRow } from './key-row.ts'
import { Mac } from './mac.ts'
import { dayOf, monthIndex, monthOf, type Period } from './period.ts'
import { RecentMap } from './recent-map.ts'
import { SealKey } from './seal-key.ts'
import { type Sealer, segmentSealer } from './sealer.ts'

/** Whom a section is about. An unverified claim of identity is anonymous. */
export type Subject =
  | { readonly issuer: string; readonly id: string }
  | { readonly anonymous: string }

/** Keys of one day that are kept for single address prefixes; beyond it all share one. */
export const ANONYMOUS_KEYS_A_DAY_MAX = 4096
/** Subjects whose key is at hand without an HMAC. */
export const SUBJECTS_AT_HAND_MAX = 65_536
/** Bytes of a receipt's `open` value. */
export const RECEIPT_TAG_BYTES = 16

const STANDING: readonly KeyClass[] = ['lookup', 'receipt', 'opaque']
const LOOKUP_LABEL = utf8('countersign/lookup/v1\0')
const SUBJECT_LABEL = utf8('countersign/subject/v1\0')
const SUBJECT_NUMBER_BYTES = 16
const FOREVER: Period = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER }

export interface VaultOptions {
  readonly disk: Disk
  readonly random: Random
  /** Where the key files lie, `data/keys`; made when missing. */
  readonly directory: string
  readonly origin: string
  readonly kek: Kek
  /** Now: the months around it are read at once, others when they come. */
  readonly nowUs: number
  readonly anonymousKeysADayMax?: number
  /** Whether keys that are made once for good may be missing: false where something is kept. */
  readonly mayCreate?: boolean
}

interface AskedKey {
  /** Undefined: the name is an address. */
  readonly issuer: string | undefined
  readonly key: SealKey
}

/** The keys of the request thread: finds or makes the key of each section, without waiting. */
export class Vault {
  readonly sealer: Sealer
  readonly #options: VaultOptions
  readonly #lookupKey: KeyObject
  readonly #receiptMac: Mac
  readonly #ring: KeyRing
  // Wrapped rows by lookup, and those of them that no key file is known to hold.
  readonly #rows = new Map<string, Uint8Array>()
  readonly #unwritten = new Set<string>()
  readonly #atHand = new RecentMap<string, SealKey>({ entriesMax: SUBJECTS_AT_HAND_MAX })
  // By id or address alone: strings that stay the same object need no hash, and none is joined.
  readonly #asked = new RecentMap<string, AskedKey>({ entriesMax: SUBJECTS_AT_HAND_MAX })
  readonly #anonymousKeys = new Map<number, number>()

  static async open(options: VaultOptions): Promise<Vault> {
    const { disk, directory, kek } = options
    await disk.makeDirectory(directory)
    const ring = new KeyRing(options)
    const checked = await checkKek(disk, directory, kek)
    if (!checked && (await ring.rows(STANDING_PERIOD)).length > 0) {
      throw new VaultError('VAULT_KEK_CHECK_MISSING', 'keys without their check value')
    }
    if (!checked) await writeKekCheck(disk, directory, kek)
    for (const keyClass of STANDING) {
      const known = await ring.standing(keyClass)
      if (known === undefined && options.mayCreate === false) throw missing(options, keyClass)
      ring.learn(known ?? newRow(options, keyClass, STANDING_PERIOD, FOREVER).row)
    }
    // Also what was there: an earlier start may have failed before it was durable, check included.
    await ring.flush()
    const vault = new Vault(options, ring, {
      lookup: await standingKey(ring, 'lookup'),
      receipt: await standingKey(ring, 'receipt'),
    })
    const month = monthIndex(options.nowUs)
    for (const period of [month - 1, month, month + 1]) vault.#load(await ring.rows(period))
    return vault
  }

  private constructor(
    options: VaultOptions,
    ring: KeyRing,
    keys: { readonly lookup: KeyObject; readonly receipt: KeyObject },
  ) {
    this.#options = options
    this.#ring = ring
    this.#lookupKey = keys.lookup
    this.#receiptMac = new Mac(keys.receipt)
    this.sealer = segmentSealer(options)
  }

  /** The key of the sections that tell of nobody. */
  ledgerKey(atUs: number): SealKey {
    return this.#keyFor('ledger', '', atUs)
  }

  /** The key of the sections that tell of `subject`. */
  subjectKey(subject: Subject, atUs: number): SealKey {
    const isKnown = 'id' in subject
    const name = isKnown ? subject.id : subject.anonymous
    const issuer = isKnown ? subject.issuer : undefined
    const last = this.#asked.get(name)
    if (last !== undefined && last.issuer === issuer && isOf(last.key, atUs)) return last.key
    const key = isKnown
      ? this.#keyFor('subject', `${issuer}\0${name}`, atUs)
      : this.#keyFor('anonymous', addressPrefix(name), atUs)
    this.#asked.set(name, { issuer, key })
    return key
  }

  /**
   * What stands for somebody in the records of acts: 32 hexadecimal digits, the same for ever, and
   * mute for whoever has not the key.
   */
  subjectNumber({ issuer, id }: { readonly issuer: string; readonly id: string }): string {
    const message = concat(SUBJECT_LABEL, utf8(`${issuer}\0${id}`))
    const mac = createHmac('sha256', this.#lookupKey).update(message).digest()
    return mac.subarray(0, SUBJECT_NUMBER_BYTES).toString('hex')
  }

  /** The value that opens a receipt: only the gateway can make it. */
  receiptTag(message: Uint8Array): Uint8Array {
    return Buffer.from(this.receiptMac(message).slice(0, RECEIPT_TAG_BYTES), 'latin1')
  }

  /** What the same is the beginning of, as latin1. */
  receiptMac(message: Uint8Array): string {
    return this.#receiptMac.of(message)
  }

  #keyFor(keyClass: KeyClass, name: string, atUs: number): SealKey {
    const atHand = `${keyClass}\0${name}`
    const known = this.#atHand.get(atHand)
    if (known !== undefined && isOf(known, atUs)) return known
    const key = this.#findOrMake(keyClass, name, atUs)
    this.#atHand.set(atHand, key)
    return key
  }

  #findOrMake(keyClass: KeyClass, name: string, atUs: number): SealKey {
    const daily = keyClass === 'anonymous' || keyClass === 'shared'
    const period = daily ? dayOf(atUs) : monthOf(atUs)
    const lookup = this.#lookup(keyClass, name, period)
    const place = mapKey(lookup)
    const row = this.#rows.get(place)
    if (row !== undefined) return this.#sealKey(row, this.#unwritten.has(place))
    if (keyClass === 'anonymous' && this.#isFull(period)) return this.#keyFor('shared', '', atUs)
    const made = newRow(this.#options, keyClass, monthIndex(period.fromUs), period, lookup).row
    this.#unwritten.add(place)
    this.#remember(made)
    return this.#sealKey(made, true)
  }

  #isFull({ fromUs }: Period): boolean {
    const max = this.#options.anonymousKeysADayMax ?? ANONYMOUS_KEYS_A_DAY_MAX
    return (this.#anonymousKeys.get(fromUs) ?? 0) >= max
  }

  #load(rows: readonly Uint8Array[]): void {
    for (const row of rows) this.#remember(row)
  }

  #remember(row: Uint8Array): void {
    const facts = readKeyRow(row)
    if (typeof facts !== 'object') return
    this.#rows.set(mapKey(facts.lookup), row)
    if (facts.class !== 'anonymous') return
    this.#anonymousKeys.set(facts.fromUs, (this.#anonymousKeys.get(facts.fromUs) ?? 0) + 1)
  }

  #sealKey(row: Uint8Array, unwritten: boolean): SealKey {
    const facts = readKeyRow(row)
    if (typeof facts !== 'object') throw new VaultError('VAULT_KEY_DAMAGED', `row is ${facts}`)
    return new SealKey({
      id: Uint8Array.from(facts.id),
      fromUs: facts.fromUs,
      toUs: facts.toUs,
      saltKey: deriveKey(this.#ring.unwrap(row), SALT_INFO),
      derive: (info) => deriveKey(this.#ring.unwrap(row), info),
      expiresOnly: facts.class === 'shared',
      row: unwritten ? row : undefined,
    })
  }

  // The period is part of what is hashed: rows of one person in two months have nothing in common.
  #lookup(keyClass: KeyClass, name: string, period: Period): Uint8Array {
    const from = Buffer.alloc(8)
    from.writeBigUInt64BE(BigInt(period.fromUs))
    const message = concat(LOOKUP_LABEL, Uint8Array.of(KEY_CLASSES[keyClass]), from, utf8(name))
    return createHmac('sha256', this.#lookupKey).update(message).digest().subarray(0, LOOKUP_BYTES)
  }
}

/** Made anew, receipts that were given out would not open, and nobody's rows would be found. */
function missing({ directory }: VaultOptions, keyClass: KeyClass): VaultError {
  const file = join(directory, keyFileName(STANDING_PERIOD))
  const message = `${file} has no ${keyClass} key: restore it; nothing was changed`
  return new VaultError('VAULT_KEY_MISSING', message, { place: { file } })
}

function isOf({ fromUs, toUs }: SealKey, atUs: number): boolean {
  return fromUs <= atUs && atUs < toUs
}

async function standingKey(ring: KeyRing, keyClass: KeyClass): Promise<KeyObject> {
  const row = await ring.standing(keyClass)
  if (row !== undefined) return ring.unwrap(row)
  throw new VaultError('VAULT_KEY_MISSING', `no standing ${keyClass} key`)
}

function newRow(
  { random, kek }: VaultOptions,
  keyClass: KeyClass,
  month: number,
  period: Period,
  lookup: Uint8Array = new Uint8Array(LOOKUP_BYTES),
): { readonly row: Uint8Array } {
  const id = newKeyId(month, random.bytes(KEY_ID_RANDOM_BYTES))
  const row = { id, class: keyClass, lookup, fromUs: period.fromUs, toUs: period.toUs }
  const nonce = random.bytes(NONCE_BYTES)
  return { row: sealKeyRow(row, { wrapKey: kek.wrapKey, nonce, key: random.bytes(KEY_BYTES) }) }
}

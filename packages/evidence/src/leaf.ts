import type { Sha256 } from '@countersign/tlog'
import { EvidenceError } from './error.ts'

/** Bytes of a leaf: its version and one SHA-256. */
export const LEAF_BYTES = 33
/** Bytes of a salt. */
export const SALT_BYTES = 16
/** Bytes of a section's digest. */
export const DIGEST_BYTES = 32
/** Largest section, in bytes of JSON; beyond it EVIDENCE_TOO_LARGE. */
export const SECTION_BYTES_MAX = 65_536

/** A leaf's first byte. */
export const LEAF_VERSION = 1
const SECTION_COUNT_MAX = 9
const RECORD_PREFIX = domain('countersign/record/v1')
const SECTION_PREFIX = domain('countersign/section/v1')
const SALT_PREFIX = domain('countersign/salt/v1')

/** What one digest commits to. */
export interface SaltedSection {
  readonly id: number
  readonly salt: Uint8Array
  readonly bytes: Uint8Array
}

/** A section as its record's leaf sees it. */
export interface SectionDigest {
  readonly id: number
  readonly digest: Uint8Array
}

/** SHA-512, given by the platform. */
export interface Sha512 {
  digest(bytes: Uint8Array): Uint8Array
}

// One buffer for all calls: each call fills it and hashes it before anything else can run.
const scratch = new Uint8Array(SECTION_PREFIX.length + 1 + SALT_BYTES + SECTION_BYTES_MAX)
scratch.set(SECTION_PREFIX)

/**
 * Returns the digest of one section:
 * SHA-256("countersign/section/v1" || 0x00 || id u8 || salt || bytes), 32 bytes.
 *
 * @throws EvidenceError EVIDENCE_TOO_LARGE beyond SECTION_BYTES_MAX, EVIDENCE_LEAF for a bad id or
 *         salt
 */
export function sectionDigest(sha256: Sha256, section: SaltedSection): Uint8Array {
  const digest = new Uint8Array(DIGEST_BYTES)
  sectionDigestInto(sha256, section, digest, 0)
  return digest
}

/** As `sectionDigest`, written into `into` at `offset`. */
export function sectionDigestInto(
  sha256: Sha256,
  { id, salt, bytes }: SaltedSection,
  into: Uint8Array,
  offset: number,
): void {
  checkSectionId(id)
  if (salt.length !== SALT_BYTES) {
    throw new EvidenceError('EVIDENCE_LEAF', `salt of ${salt.length} bytes`)
  }
  if (bytes.length > SECTION_BYTES_MAX) {
    throw new EvidenceError('EVIDENCE_TOO_LARGE', `section ${id} has ${bytes.length} bytes`)
  }
  const saltAt = SECTION_PREFIX.length + 1
  scratch[saltAt - 1] = id
  scratch.set(salt, saltAt)
  scratch.set(bytes, saltAt + SALT_BYTES)
  sha256.digestInto(scratch.subarray(0, saltAt + SALT_BYTES + bytes.length), into, offset)
}

const LEAF_HEAD_BYTES = RECORD_PREFIX.length + 1
const LEAF_INPUT_BYTES_MAX = LEAF_HEAD_BYTES + SECTION_COUNT_MAX * (1 + DIGEST_BYTES)
const leafScratch = new Uint8Array(LEAF_INPUT_BYTES_MAX)
leafScratch.set(RECORD_PREFIX)

/**
 * Returns the leaf of a record: 0x01 || SHA-256("countersign/record/v1" || 0x00 || count u8 ||
 * { id u8 || digest }), 33 bytes.
 *
 * @param sections  1 to 9 sections in ascending order of id
 * @throws          EvidenceError EVIDENCE_LEAF for none, a wrong order, a bad id or digest
 */
export function encodeLeaf(sha256: Sha256, sections: readonly SectionDigest[]): Uint8Array {
  if (sections.length === 0 || sections.length > SECTION_COUNT_MAX) {
    throw new EvidenceError('EVIDENCE_LEAF', `record of ${sections.length} sections`)
  }
  let at = RECORD_PREFIX.length
  let previous = 0
  leafScratch[at++] = sections.length
  for (const { id, digest } of sections) {
    checkSectionId(id)
    if (id <= previous) throw new EvidenceError('EVIDENCE_LEAF', `section ${id} is out of order`)
    if (digest.length !== DIGEST_BYTES) {
      throw new EvidenceError('EVIDENCE_LEAF', `digest of ${digest.length} bytes`)
    }
    leafScratch[at] = id
    leafScratch.set(digest, at + 1)
    at += 1 + DIGEST_BYTES
    previous = id
  }
  const leaf = new Uint8Array(LEAF_BYTES)
  leaf[0] = LEAF_VERSION
  sha256.digestInto(leafScratch.subarray(0, at), leaf, 1)
  return leaf
}

/** Bytes of a section's head. */
export const SECTION_HEAD_BYTES: number = SECTION_PREFIX.length + 1 + SALT_BYTES
/** Where the salt stands in it: at a multiple of four. */
export const SALT_AT: number = SECTION_HEAD_BYTES - SALT_BYTES

/**
 * Returns the head of what a section's digest is taken of, as text of as many ASCII characters:
 * domain, id, and zeros where the salt goes. A writer puts it before the section's JSON and encodes
 * both at once.
 */
export function sectionHead(id: number): string {
  checkSectionId(id)
  return `countersign/section/v1\0${String.fromCharCode(id)}${'\0'.repeat(SALT_BYTES)}`
}

/**
 * Hashes records and allocates nothing but their leaves: for writers of many. The sections stand
 * behind their heads, and each digest is written to where the leaf's hash reads it.
 */
export class LeafWriter {
  readonly #sha256: Sha256
  readonly #input = new Uint8Array(LEAF_INPUT_BYTES_MAX)
  /** Views of it, by the number of sections. */
  readonly #inputs: (Uint8Array | undefined)[] = []
  #at = LEAF_HEAD_BYTES
  #count = 0

  constructor(sha256: Sha256) {
    this.#sha256 = sha256
    this.#input.set(RECORD_PREFIX)
  }

  /**
   * Adds a section, in ascending order of id, and returns its digest: memory that the record after
   * this one uses again.
   *
   * @param framed  `sectionHead` and the section's bytes; the salt is written into it
   * @throws EvidenceError EVIDENCE_TOO_LARGE beyond SECTION_BYTES_MAX
   */
  add(framed: Uint8Array, salt: Uint8Array): Uint8Array {
    this.put(framed, salt)
    return this.#input.subarray(this.#at - DIGEST_BYTES, this.#at)
  }

  /** As `add`, for whoever has no use for the digest. */
  put(framed: Uint8Array, salt: Uint8Array): void {
    framed.set(salt, SALT_AT)
    this.putSalted(framed)
  }

  /** As `put`, where the salt stands at SALT_AT already. */
  putSalted(framed: Uint8Array): void {
    if (framed.length - SECTION_HEAD_BYTES > SECTION_BYTES_MAX) {
      throw new EvidenceError('EVIDENCE_TOO_LARGE', `section of ${framed.length} bytes`)
    }
    this.#input[this.#at] = framed[SECTION_PREFIX.length] ?? 0
    this.#sha256.digestInto(framed, this.#input, this.#at + 1)
    this.#count += 1
    this.#at += 1 + DIGEST_BYTES
  }

  /** Writes the digest of the last section to `into` at `offset`. */
  copyLast(into: Uint8Array, offset: number): void {
    const start = this.#at - DIGEST_BYTES
    for (let at = 0; at < DIGEST_BYTES; at++) into[offset + at] = this.#input[start + at] ?? 0
  }

  /** Says whether the digest of the last section stands in `bytes` at `offset`. */
  lastIs(bytes: Uint8Array, offset: number): boolean {
    const start = this.#at - DIGEST_BYTES
    for (let at = 0; at < DIGEST_BYTES; at++) {
      if (bytes[offset + at] !== this.#input[start + at]) return false
    }
    return true
  }

  /** Returns the leaf of what was added, and begins the next record. */
  finish(): Uint8Array {
    const leaf = new Uint8Array(LEAF_BYTES)
    this.finishInto(leaf)
    return leaf
  }

  /** As `finish`, written into `leaf`. */
  finishInto(leaf: Uint8Array): void {
    leaf[0] = LEAF_VERSION
    this.#sha256.digestInto(this.finishInput(), leaf, 1)
  }

  /**
   * As `finish`, for whoever hashes on its own: returns what a leaf's digest is of, in memory that
   * the next record uses again.
   */
  finishInput(): Uint8Array {
    this.#input[RECORD_PREFIX.length] = this.#count
    const input = this.#inputs[this.#count] ?? this.#input.subarray(0, this.#at)
    this.#inputs[this.#count] = input
    this.reset()
    return input
  }

  /** Forgets what was added to a record that is given up. */
  reset(): void {
    this.#at = LEAF_HEAD_BYTES
    this.#count = 0
  }
}

const SALTS_PER_BLOCK = 4

const SALT_KEY_BYTES = 32
const RECORD_ID_BYTES = 16
const saltScratch = new Uint8Array(SALT_PREFIX.length + SALT_KEY_BYTES + RECORD_ID_BYTES + 1)
saltScratch.set(SALT_PREFIX)

/**
 * Returns `count` salts of 16 bytes for a record's sections under one key, in ascending order of
 * section id: SHA-512("countersign/salt/v1" || 0x00 || salt key || record id || n u8) for
 * n = 0, 1, … cut into pieces.
 *
 * @param saltKey   32 bytes, HKDF of the key that seals the sections
 * @param recordId  16 bytes
 */
export function cutSalts(
  sha512: Sha512,
  { saltKey, recordId, count }: SaltRequest,
): readonly Uint8Array[] {
  if (saltKey.length !== SALT_KEY_BYTES || recordId.length !== RECORD_ID_BYTES) {
    const lengths = `salt key of ${saltKey.length} bytes, record id of ${recordId.length}`
    throw new EvidenceError('EVIDENCE_LEAF', lengths)
  }
  saltScratch.set(saltKey, SALT_PREFIX.length)
  saltScratch.set(recordId, SALT_PREFIX.length + SALT_KEY_BYTES)
  const salts: Uint8Array[] = []
  for (let n = 0; salts.length < count; n++) {
    saltScratch[saltScratch.length - 1] = n
    const digest = sha512.digest(saltScratch)
    // A plain view: cutting a Buffer into pieces costs more than its hash.
    const block = new Uint8Array(digest.buffer, digest.byteOffset, digest.length)
    for (let cut = 0; cut < SALTS_PER_BLOCK && salts.length < count; cut++) {
      salts.push(block.subarray(cut * SALT_BYTES, (cut + 1) * SALT_BYTES))
    }
  }
  return salts
}

/** Which salts are wanted. */
export interface SaltRequest {
  readonly saltKey: Uint8Array
  readonly recordId: Uint8Array
  readonly count: number
}

function checkSectionId(id: number): void {
  if (!Number.isInteger(id) || id < 1 || id > SECTION_COUNT_MAX) {
    throw new EvidenceError('EVIDENCE_LEAF', `section id ${id}`)
  }
}

function domain(name: string): Uint8Array {
  return new TextEncoder().encode(`${name}\0`)
}

import { hash } from 'node:crypto'
import type { Random } from '../platform/index.ts'

/** `cs_<prefix>_<secret>`: the prefix finds the key, the secret proves it. */
export interface ApiKey {
  readonly prefix: string
  /** The whole key, to be shown once and never kept. */
  readonly token: string
}

const SECRET_BYTES = 32
const PREFIX_LENGTH = 8
const PREFIX_ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789' // 32: no bias; no l, o, 0, 1
const FORM = /^cs_([a-z2-9]{8})_[A-Za-z0-9_-]{43}$/

/** What an API key looks like inside other text, so that none is ever recorded. */
export const API_KEY_PATTERN: RegExp = /cs_[a-z2-9]{8}_[A-Za-z0-9_-]{43}/
/** Of each that looks so. */
export const API_KEY_LENGTH = 55

export function mintApiKey(random: Random): ApiKey {
  const letters = random.bytes(PREFIX_LENGTH)
  const prefix = Array.from(letters, (byte) => PREFIX_ALPHABET[byte % 32]).join('')
  const secret = Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url')
  return { prefix, token: `cs_${prefix}_${secret}` }
}

/** The prefix of what looks like a key of ours; undefined for anything else. */
export function apiKeyPrefix(token: string): string | undefined {
  return FORM.exec(token)?.[1]
}

/** What is kept of a key. 256 random bits need no slow hash: there is nothing to guess. */
export function hashApiKey(token: string): Uint8Array {
  return hash('sha256', token, 'buffer')
}

/**
 * What a key is compared by, in Latin-1: making a Buffer for it costs twice as much as hashing.
 */
export function apiKeyDigest(token: string): string {
  return hash('sha256', token, 'latin1')
}

/** Takes the same time whether or not there is such a key, and wherever the hashes differ. */
export function matchesApiKey(digest: string, kept: Uint8Array | undefined): boolean {
  const wanted = kept ?? NO_HASH
  let difference = kept === undefined ? 1 : 0
  for (let at = 0; at < HASH_BYTES; at += 1) {
    difference |= digest.charCodeAt(at) ^ (wanted[at] ?? 0)
  }
  return difference === 0
}

const HASH_BYTES = 32
const NO_HASH = new Uint8Array(HASH_BYTES)

import type { KeyObject } from 'node:crypto'
import { timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import { type Disk, diskErrorCode, type Random, writeFileDurably } from '../platform/index.ts'
import { hex, utf8 } from './bytes.ts'
import { deriveKey, KEY_BYTES, secretKey } from './cipher.ts'
import { VaultError } from './errors.ts'

/**
 * The key-encryption key: 32 bytes that wrap every other key. It is held by the operator, in a file
 * or the environment; a key management service that unwraps it at start takes the same place.
 */
export interface Kek {
  readonly wrapKey: KeyObject
  readonly checkValue: Uint8Array
}

const KEK_TEXT = /^[0-9a-f]{64}\n?$/i
const CHECK_FILE = 'kek.check'
const CHECK_FILE_BYTES_MAX = 256

/** Parses 64 hexadecimal digits, with or without a line end. The text never gets into a message. */
export function parseKek(text: string): Kek {
  if (!KEK_TEXT.test(text)) {
    throw new VaultError(
      'VAULT_KEK_MALFORMED',
      `key-encryption key has ${text.trim().length} characters, not 64 hexadecimal digits`,
    )
  }
  const root = secretKey(Buffer.from(text.trim(), 'hex'))
  return {
    wrapKey: secretKey(deriveKey(root, 'countersign/wrap/v1')),
    checkValue: deriveKey(root, 'countersign/kek-check/v1').subarray(0, 16),
  }
}

/** The text of a new key-encryption key, as its file or the environment holds it. */
export function newKekText(random: Random): string {
  return `${hex(random.bytes(KEY_BYTES))}\n`
}

/** Refuses the wrong key before anything is sealed under it. False: nothing to check against. */
export async function checkKek(disk: Disk, directory: string, kek: Kek): Promise<boolean> {
  const path = join(directory, CHECK_FILE)
  let stored: Uint8Array
  try {
    stored = await disk.read(path, CHECK_FILE_BYTES_MAX)
  } catch (error) {
    if (diskErrorCode(error) === 'DISK_NOT_FOUND') return false
    throw error
  }
  const want = checkText(kek)
  if (stored.length === want.length && timingSafeEqual(stored, want)) return true
  throw new VaultError('VAULT_KEK_WRONG', 'key-encryption key is not the one of this directory', {
    place: { file: path },
  })
}

/** Durable before the first key is wrapped, so keys without a check value were tampered with. */
export async function writeKekCheck(disk: Disk, directory: string, kek: Kek): Promise<void> {
  await writeFileDurably(disk, join(directory, CHECK_FILE), checkText(kek), {
    syncDirectory: true,
  })
}

function checkText(kek: Kek): Uint8Array {
  return utf8(`countersign/kek-check/v1 ${hex(kek.checkValue)}\n`)
}

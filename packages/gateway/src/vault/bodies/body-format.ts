import { createHash } from 'node:crypto'
import { asBuffer, concat, utf8 } from '../bytes.ts'
import { NONCE_BYTES } from '../cipher.ts'
import { KEY_ID_BYTES } from '../key-row.ts'

/** As records name it: the layout of the file, and the cipher of its chunks. */
export const BODY_ALGORITHM = 'csc1-aes-256-gcm-64k'
/** Plain bytes of every chunk but the last. */
export const BODY_CHUNK_BYTES = 65_536
export const BODY_SALT_BYTES = 16
export const FILE_ID_BYTES = 16

const MAGIC = utf8('CSC1')
const KEY_INFO = utf8('countersign/body/v1\0')
const CONTENT_LABEL = utf8('countersign/body/v1\0')
const KEY_ID_AT = MAGIC.length
const FILE_ID_AT = KEY_ID_AT + KEY_ID_BYTES
export const BODY_HEAD_BYTES: number = FILE_ID_AT + FILE_ID_BYTES

export function encodeBodyHead(keyId: Uint8Array, fileId: Uint8Array): Uint8Array {
  return concat(MAGIC, keyId, fileId)
}

/** Undefined where it is the head of something else. */
export function decodeBodyHead(
  bytes: Uint8Array,
): { readonly keyId: Uint8Array; readonly fileId: Uint8Array } | undefined {
  const head = asBuffer(bytes)
  if (head.length !== BODY_HEAD_BYTES || !head.subarray(0, KEY_ID_AT).equals(MAGIC))
    return undefined
  return { keyId: head.subarray(KEY_ID_AT, FILE_ID_AT), fileId: head.subarray(FILE_ID_AT) }
}

/** What the key of one file is derived with: each file has its own, so nonces only count. */
export function bodyKeyInfo(fileId: Uint8Array, origin: string): Uint8Array {
  return concat(KEY_INFO, fileId, utf8(origin))
}

export function bodyNonce(chunk: number, isLast: boolean): Uint8Array {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce[0] = isLast ? 1 : 0
  nonce.writeBigUInt64BE(BigInt(chunk), NONCE_BYTES - 8)
  return nonce
}

export function bodyAad(origin: string, head: Uint8Array): Uint8Array {
  return concat(createHash('sha256').update(utf8(origin)).digest(), head)
}

/** The digest of salt and content that a record names; `update` it with both. */
export function contentHash(): ReturnType<typeof createHash> {
  return createHash('sha256').update(CONTENT_LABEL)
}

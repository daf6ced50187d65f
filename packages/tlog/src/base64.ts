import { TlogError } from './error.ts'
import { quote } from './numbers.ts'

/** The most bytes that one call of String.fromCharCode is given: engines limit its arguments. */
const CHUNK_BYTES = 8192

/**
 * Returns `bytes` in standard base64 with padding.
 *
 * @see RFC 4648, section 4
 */
export function encodeBase64(bytes: Uint8Array): string {
  let latin1 = ''
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    latin1 += String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES))
  }
  return btoa(latin1)
}

/**
 * Returns the bytes of standard, padded, canonical base64 and refuses every other spelling of
 * them: white space, missing padding, the URL alphabet, pad bits that are not zero. Two spellings
 * of one root would be two checkpoints of one tree.
 *
 * @throws TlogError TLOG_BASE64
 * @see RFC 4648, sections 3.5 and 4
 */
export function decodeBase64(text: string): Uint8Array {
  const latin1 = decodeLeniently(text)
  if (latin1 === undefined || btoa(latin1) !== text) {
    throw new TlogError('TLOG_BASE64', `${quote(text)} is not canonical base64`)
  }
  const bytes = new Uint8Array(latin1.length)
  for (let at = 0; at < latin1.length; at += 1) bytes[at] = latin1.charCodeAt(at)
  return bytes
}

function decodeLeniently(text: string): string | undefined {
  try {
    return atob(text)
  } catch {
    return undefined
  }
}

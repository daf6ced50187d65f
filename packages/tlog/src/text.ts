import { TlogError } from './error.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Returns `text` as UTF-8.
 *
 * @throws TlogError TLOG_TEXT for a lone surrogate, which would silently become another character
 */
export function encodeText(text: string): Uint8Array {
  if (!text.isWellFormed()) throw new TlogError('TLOG_TEXT', 'text holds a lone surrogate')
  return encoder.encode(text)
}

/**
 * Returns the text that `bytes` hold in UTF-8, a byte order mark included.
 *
 * @throws TlogError TLOG_TEXT
 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new TlogError('TLOG_TEXT', `${bytes.length} bytes are not UTF-8`, { cause })
  }
}

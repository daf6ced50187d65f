import { API_KEY_LENGTH, API_KEY_PATTERN } from './api-key.ts'

/** Stands where a secret stood. */
export const REDACTED = '[redacted]'

const API_KEYS = new RegExp(API_KEY_PATTERN.source, 'gi')
const BEARER = /\bbearer\s+[\w.~+/=-]{16,}/gi

/** The text without what can be nothing but a credential. */
export function redactCredentials(text: string): string {
  return redactKeysAndTokens(text).replace(BEARER, REDACTED)
}

/** The text without what looks like an API key of ours or a JWT. */
export function redactKeysAndTokens(text: string): string {
  return redactTokens(withoutKeys(text))
}

/** A path is mostly shorter than a key. */
function withoutKeys(text: string): string {
  return text.length < API_KEY_LENGTH ? text : text.replace(API_KEYS, REDACTED)
}

const TOKEN_BEGIN = 'eyJ'
const PART_LENGTH_MIN = 5
const DOT = 0x2e

/**
 * Takes out what looks like a JWT. A regular expression would read a long part once for each
 * `eyJ` in it: whoever sends one could keep the process busy. Here each character is read twice.
 */
function redactTokens(text: string): string {
  let clean = ''
  let copied = 0
  for (let begin = text.indexOf(TOKEN_BEGIN); begin !== -1; ) {
    const first = partEnd(text, begin)
    const second = isDot(text, first) ? partEnd(text, first + 1) : first
    const isToken =
      first - begin >= TOKEN_BEGIN.length + PART_LENGTH_MIN &&
      second - first > PART_LENGTH_MIN &&
      isDot(text, second)
    const end = isToken ? partEnd(text, second + 1) : first
    if (isToken) {
      clean += text.slice(copied, begin) + REDACTED
      copied = end
    }
    begin = text.indexOf(TOKEN_BEGIN, end)
  }
  return copied === 0 ? text : clean + text.slice(copied)
}

function isDot(text: string, at: number): boolean {
  return text.charCodeAt(at) === DOT
}

/** Where the characters of base64url end that begin there. */
function partEnd(text: string, from: number): number {
  let at = from
  while (at < text.length && isOfPart(text.charCodeAt(at))) at += 1
  return at
}

/** A-Z, a-z, 0-9, `-` and `_`. */
function isOfPart(code: number): boolean {
  if (code >= 0x61) return code <= 0x7a
  if (code >= 0x41) return code <= 0x5a || code === 0x5f
  return (code >= 0x30 && code <= 0x39) || code === 0x2d
}

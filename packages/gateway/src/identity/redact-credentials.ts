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

/** Characters of base64url stand together in a part of a token; anything else is between parts. */
const BETWEEN_PARTS = /([^A-Za-z0-9_-])/
const TOKEN_BEGIN = 'eyJ'
const PART_LENGTH_MIN = 5

/**
 * Takes out what looks like a JWT. A regular expression would read a long part once for each
 * `eyJ` in it: whoever sends one could keep the process busy.
 */
function redactTokens(text: string): string {
  if (!text.includes(TOKEN_BEGIN)) return text
  const parts = text.split(BETWEEN_PARTS)
  let clean = ''
  for (let at = 0; at < parts.length; at += 2) {
    const [part = '', dot, second = '', secondDot] = parts.slice(at, at + 4)
    const begin = part.indexOf(TOKEN_BEGIN)
    const isToken =
      begin !== -1 &&
      part.length - begin >= TOKEN_BEGIN.length + PART_LENGTH_MIN &&
      dot === '.' &&
      second.length >= PART_LENGTH_MIN &&
      secondDot === '.'
    clean += isToken ? `${part.slice(0, begin)}${REDACTED}` : part
    if (isToken) at += 4
    clean += parts[at + 1] ?? ''
  }
  return clean
}

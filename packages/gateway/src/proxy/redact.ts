import { API_KEY_LENGTH, API_KEY_PATTERN } from '../identity/index.ts'

/** Stands where a secret stood. */
export const REDACTED = '[redacted]'

/** Headers that never reach a record, whatever a route lists. */
const SECRET_HEADERS = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'cookie2',
  'set-cookie',
  'set-cookie2',
  'www-authenticate',
  'proxy-authenticate',
  'authentication-info',
])

/** A name with one of these in it, its punctuation left out, carries a secret: `X-Api-Key`. */
const SECRET_PARTS = [
  'token',
  'secret',
  'passw',
  'passphrase',
  'apikey',
  'accesskey',
  'privatekey',
  'signature',
  'credential',
  'jwt',
  'assertion',
  'session',
  'cookie',
]

/** Words that carry a secret only when they are the whole name; `zipcode` and `sortkey` do not. */
const SECRET_WORD =
  /^(auth|authorization|authcode|authorizationcode|code|key|otp|totp|pin|pwd|sid|sig)$/

const SECRET_MEMBER = /^(authorization|authcode|authorizationcode|otp|totp|pin|pwd)$/

const API_KEYS = new RegExp(API_KEY_PATTERN.source, 'gi')
const SCHEMES = /\b(bearer|basic|digest|negotiate)\s+[^\s,;]+/gi

/** The text with everything that looks like a credential taken out. */
export function redactText(text: string): string {
  return redactTokens(withoutKeys(text)).replace(SCHEMES, REDACTED)
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

const BEARER = /\bbearer\s+[\w.~+/=-]{16,}/gi

/** As `redactText`, of prose too: only what can be nothing but a credential. */
export function redactCredentials(text: string): string {
  return redactTokens(withoutKeys(text)).replace(BEARER, REDACTED)
}

/** Members of documents: words like `code` and `key` mean too much else there. */
export function isSecretMember(name: string): boolean {
  const word = plainWord(name)
  return SECRET_PARTS.some((part) => word.includes(part)) || SECRET_MEMBER.test(word)
}

/** One header as it may be recorded. Names have no case. */
export function redactHeader(name: string, value: string): string {
  return SECRET_HEADERS.has(name.toLowerCase()) || isSecretName(name) ? REDACTED : redactText(value)
}

/** The query without the values of token-like names, and without values that look like tokens. */
export function redactQuery(query: string): string {
  return query
    .split('&')
    .map((part) => part.split(';').map(redactParameter).join(';'))
    .join('&')
}

function redactParameter(parameter: string): string {
  const equals = parameter.indexOf('=')
  const name = equals === -1 ? '' : parameter.slice(0, equals)
  const value = parameter.slice(equals + 1)
  const plain = decode(value)
  if (isSecretName(decode(name)) || redactText(plain) !== plain) {
    return equals === -1 ? REDACTED : `${redactText(name)}=${REDACTED}`
  }
  const cleanName = redactText(decode(name)) === decode(name) ? name : REDACTED
  return equals === -1 ? value : `${cleanName}=${value}`
}

/** `access_token`, `Access-Token`, `user[accessToken]` are all one name. */
function isSecretName(name: string): boolean {
  const word = plainWord(name)
  return SECRET_PARTS.some((part) => word.includes(part)) || SECRET_WORD.test(word)
}

function plainWord(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/** Escapes are undone twice: a token is not hidden by having been escaped once too often. */
function decode(text: string): string {
  return decodeOnce(decodeOnce(text.replaceAll('+', ' ')))
}

function decodeOnce(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

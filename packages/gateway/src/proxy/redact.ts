import { REDACTED, redactKeysAndTokens } from '../identity/index.ts'

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

const BEYOND_ASCII = /[^\0-\x7f]/

const SCHEMES = /\b(bearer|basic|digest|negotiate)\s+[^\s,;]+/gi

/** The text with everything that looks like a credential taken out. */
export function redactText(text: string): string {
  return redactKeysAndTokens(text).replace(SCHEMES, REDACTED)
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

/** Readers fold more than case: `paſſword` is `password` to some of them. */
function plainWord(name: string): string {
  const folded = BEYOND_ASCII.test(name) ? name.normalize('NFKC') : name
  return folded.toLowerCase().replace(/[^a-z0-9]/g, '')
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

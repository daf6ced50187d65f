import { type Members, parseMembers } from './members.ts'
import type { TokenFault } from './token-faults.ts'

/** Longer tokens are refused unread. */
export const TOKEN_BYTES_MAX = 16_384

/** A signed token as it says it is: nothing in it is verified. */
export interface Jws {
  readonly header: Members
  readonly payload: Members
  readonly payloadBytes: Uint8Array
  readonly signature: Uint8Array
  /** Header and payload as they were signed. */
  readonly signingInput: string
  readonly text: string
}

export type JwsReading =
  | { readonly ok: true; readonly jws: Jws }
  | { readonly ok: false; readonly fault: TokenFault }

/**
 * Reads the compact form of a JWS whose payload is a JSON object (RFC 7515, RFC 7519), in one
 * spelling only: exactly three parts, base64url without padding and with its unused bits zero, and
 * JSON without a second meaning. So a token has one text but for its signature.
 */
export function readJws(text: string, bytesMax: number = TOKEN_BYTES_MAX): JwsReading {
  if (text.length > bytesMax) return no('token-length')
  const parts = text.split('.', PARTS + 1)
  const [first = '', second = '', third = ''] = parts
  if (parts.length !== PARTS || first === '' || second === '') return no('token-form')
  const head = readHead(first)
  const payloadBytes = decodePart(second)
  const signature = decodePart(third)
  if (head === undefined || payloadBytes === undefined || signature === undefined) {
    return no('token-encoding')
  }
  const { header } = head
  const payload = parseMembers(payloadBytes)
  if (header === undefined || payload === undefined) return no('token-json')
  const signingInput = text.slice(0, first.length + 1 + second.length)
  return { ok: true, jws: { header, payload, payloadBytes, signature, signingInput, text } }
}

const PARTS = 3

interface Head {
  readonly part: string
  /** Undefined where it is no JSON with one meaning. */
  readonly header: Members | undefined
}

/** All tokens that a key signs begin with the same header: the last one is remembered. */
let lastHead: Head | undefined

/** Undefined where it is not in its one spelling. */
function readHead(part: string): Head | undefined {
  if (lastHead?.part === part) return lastHead
  const bytes = decodePart(part)
  if (bytes === undefined) return undefined
  const head = { part, header: parseMembers(bytes) }
  if (part.length <= REMEMBERED_LENGTH_MAX) lastHead = head
  return head
}

const REMEMBERED_LENGTH_MAX = 1024

/** Base64url in its one canonical spelling; undefined for any other. */
export function decodePart(part: string): Uint8Array | undefined {
  const bytes = Buffer.from(part, 'base64url')
  return bytes.toString('base64url') === part ? bytes : undefined
}

function no(fault: TokenFault): JwsReading {
  return { ok: false, fault }
}

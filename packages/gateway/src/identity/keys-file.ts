import { hash } from 'node:crypto'
import { isMap, isSeq, parseDocument } from 'yaml'
import { z } from 'zod'
import { IdentityError } from './identity-error.ts'
import { type Credential, KEYS_ISSUER, type Principal } from './principal.ts'

/** One key of the file, ready to be compared. */
export interface KnownKey {
  readonly hash: Uint8Array
  readonly principal: Principal
  readonly credential: Credential
  /** The prefix of the key that it takes over from. */
  readonly replaces: string | undefined
  readonly trace: KeyTrace
}

/** What is left of a key to tell by whether it was changed. */
export interface KeyTrace {
  /** Hexadecimal SHA-256 of everything that the file says of it but its end. */
  readonly facts: string
  /** Microseconds since 1970. */
  readonly expiresAtUs?: number | undefined
}

/** Keys by prefix. */
export type KeyRing = ReadonlyMap<string, KnownKey>

/** A keys file is small: 10,000 keys are 4 MB. */
export const KEYS_FILE_BYTES_MAX = 16_777_216

const HASH_FORM = /^sha256:[A-Za-z0-9_-]{43}$/
const name = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'has control characters')

/** RFC 6749, section 3.3: printable, without space, quote or backslash. */
const scope = z
  .string()
  .max(200)
  .regex(/^[!#-[\]-~]+$/, 'is not one word of printable ASCII')

export const keyFactsSchema = z.strictObject({
  principal: name.refine((id) => id !== 'anonymous', 'is the name of nobody'),
  kind: z.enum(['user', 'service']).default('user'),
  groups: z.array(name).max(100).default([]),
  roles: z.array(name).max(100).default([]),
  scopes: z.array(scope).max(100).default([]),
  label: name.optional(),
  expires: z.iso.datetime({ offset: false }).optional(),
})

const prefix = z.string().regex(/^[a-z2-9]{8}$/, 'is not the prefix of a key')

const keySchema = keyFactsSchema.extend({
  prefix,
  replaces: prefix.optional(),
  hash: z.string().regex(HASH_FORM, 'is not sha256: and 43 base64url characters'),
  created: z.iso.datetime({ offset: false }).optional(),
})

const keysFileSchema = z.strictObject({ version: z.literal(1), keys: z.array(keySchema) })

/** Reads the whole file or nothing of it. Throws IdentityError IDENTITY_KEYS_INVALID. */
export function parseKeysFile(text: string): KeyRing {
  if (text.length > KEYS_FILE_BYTES_MAX) throw invalid(`is longer than ${KEYS_FILE_BYTES_MAX}`)
  const document = readDocument(text)
  const parsed = keysFileSchema.safeParse(document.toJS({ maxAliasCount: 0 }))
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error))
  const ring = new Map<string, KnownKey>()
  const kinds = new Map<string, string>()
  for (const key of parsed.data.keys) {
    if (ring.has(key.prefix)) throw invalid(`prefix ${key.prefix} occurs twice`)
    const kind = kinds.get(key.principal) ?? key.kind
    if (kind !== key.kind) throw invalid(`${key.principal} is a ${kind} and a ${key.kind}`)
    kinds.set(key.principal, kind)
    ring.set(key.prefix, knownKey(key))
  }
  return ring
}

/** A YAML 1.2 document with `keys` as a list; an empty file is one without keys. */
export function readDocument(text: string): ReturnType<typeof parseDocument> {
  const document = parseDocument(text.trim() === '' ? 'version: 1\nkeys: []\n' : text, {
    strict: true,
    uniqueKeys: true,
    version: '1.2',
  })
  const problem = document.errors[0] ?? document.warnings[0]
  if (problem !== undefined) throw invalid(problem.message)
  if (!isMap(document.contents)) throw invalid('is not a map with version and keys')
  if (!isSeq(document.get('keys'))) throw invalid('keys is not a list')
  return document
}

function knownKey(key: z.infer<typeof keySchema>): KnownKey {
  const { principal: id, kind, groups, roles, scopes, label, expires } = key
  const issuer = KEYS_ISSUER
  const principal: Principal = { id, kind, issuer, groups, roles, scopes, claims: {} }
  const credential: Credential = {
    method: 'api-key',
    id: key.prefix,
    label,
    expiresAtUs: expires === undefined ? undefined : Date.parse(expires) * 1000,
  }
  return {
    hash: Buffer.from(key.hash.slice('sha256:'.length), 'base64url'),
    principal,
    credential,
    replaces: key.replaces,
    trace: {
      facts: hash('sha256', JSON.stringify({ ...key, expires: undefined }), 'hex'),
      expiresAtUs: credential.expiresAtUs,
    },
  }
}

function invalid(message: string): IdentityError {
  return new IdentityError('IDENTITY_KEYS_INVALID', `keys file: ${message}`)
}

import { isMap, isSeq, parseDocument } from 'yaml'
import { z } from 'zod'
import type { Random } from '../../platform/index.ts'
import { IdentityError } from '../identity-error.ts'
import type { Revocations } from './token-check.ts'

/** 100,000 revocations are 20 MB. */
export const REVOCATIONS_BYTES_MAX = 33_554_432

const name = z.string().min(1).max(500)
const time = z.iso.datetime({ offset: false })

const revocationSchema = z
  .strictObject({
    /** Names the revocation in records, where people have no names. */
    id: z.string().regex(/^rv_[a-z2-9]{8}$/, 'is not the id of a revocation'),
    /** As in `iss`. */
    issuer: name,
    jti: name.optional(),
    subject: name.optional(),
    /** Of a subject: tokens that were issued until then. */
    before: time.optional(),
    /** From then on it says nothing: every token that it means has expired. */
    until: time.optional(),
  })
  .refine(({ jti, subject }) => (jti === undefined) !== (subject === undefined), {
    error: 'needs either jti or subject',
  })
  .refine(({ subject, before }) => (subject === undefined) === (before === undefined), {
    error: 'before belongs to subject, and subject needs it',
  })

export type Revocation = z.infer<typeof revocationSchema>

const fileSchema = z.strictObject({ version: z.literal(1), revoked: z.array(revocationSchema) })

/** Tokens that were taken back, by their id or by whom they are for. */
export class RevocationList implements Revocations {
  readonly entries: ReadonlyMap<string, Revocation>
  readonly #ids = new Set<string>()
  readonly #subjects = new Map<string, number>()

  constructor(entries: readonly Revocation[]) {
    this.entries = new Map(entries.map((entry) => [entry.id, entry]))
    for (const { issuer, jti, subject, before } of entries) {
      if (jti !== undefined) this.#ids.add(keyOf(issuer, jti))
      if (subject === undefined || before === undefined) continue
      const key = keyOf(issuer, subject)
      const beforeUs = Date.parse(before) * 1000
      this.#subjects.set(key, Math.max(beforeUs, this.#subjects.get(key) ?? 0))
    }
  }

  isRevoked(token: Parameters<Revocations['isRevoked']>[0]): boolean {
    const { issuer } = token.principal
    const { id } = token.credential
    if (id !== undefined && this.#ids.size > 0 && this.#ids.has(keyOf(issuer, id))) return true
    if (this.#subjects.size === 0) return false
    const beforeUs = this.#subjects.get(keyOf(issuer, token.subject))
    // One that does not say when it was issued may be older than the revocation.
    return beforeUs !== undefined && (token.issuedAtUs ?? 0) <= beforeUs
  }
}

function keyOf(issuer: string, what: string): string {
  return `${issuer}\n${what}`
}

/** Reads the whole file or nothing of it. Throws IdentityError IDENTITY_REVOCATIONS_INVALID. */
export function parseRevocations(text: string): RevocationList {
  if (text.length > REVOCATIONS_BYTES_MAX) throw invalid(`is longer than ${REVOCATIONS_BYTES_MAX}`)
  const parsed = fileSchema.safeParse(readRevocations(text).toJS({ maxAliasCount: 0 }))
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error))
  const { revoked } = parsed.data
  const ids = new Set(revoked.map(({ id }) => id))
  if (ids.size < revoked.length) throw invalid('an id occurs twice')
  return new RevocationList(revoked)
}

/** What a list says in which nothing is revoked. */
export const NO_REVOCATIONS = 'version: 1\nrevoked: []\n'

/**
 * As `parseRevocations`, of a file that is there: an empty one is one that was cut, and must not
 * bring everything back that was revoked.
 */
export function parseRevocationsFile(text: string): RevocationList {
  if (text.trim() !== '') return parseRevocations(text)
  throw invalid(`is empty: where nothing is revoked it says ${JSON.stringify(NO_REVOCATIONS)}`)
}

function readRevocations(text: string): ReturnType<typeof parseDocument> {
  const document = parseDocument(text.trim() === '' ? NO_REVOCATIONS : text, {
    strict: true,
    uniqueKeys: true,
    version: '1.2',
  })
  const problem = document.errors[0] ?? document.warnings[0]
  if (problem !== undefined) throw invalid(problem.message)
  if (!isMap(document.contents)) throw invalid('is not a map with version and revoked')
  if (!isSeq(document.get('revoked'))) throw invalid('revoked is not a list')
  return document
}

/** Appends a revocation to the text of such a file, and leaves out what says nothing any more. */
export function addRevocation(
  fileText: string,
  facts: Omit<Revocation, 'id'>,
  { random, nowUs }: { readonly random: Random; readonly nowUs: number },
): { readonly text: string; readonly id: string } {
  const document = readRevocations(fileText)
  const list = document.get('revoked')
  if (!isSeq(list)) throw invalid('revoked is not a list')
  const id = mintId(random)
  list.flow = false
  list.items = list.items.filter((item) => {
    const until: unknown = isMap(item) ? item.get('until') : undefined
    return typeof until !== 'string' || !(Date.parse(until) * 1000 <= nowUs)
  })
  list.add(document.createNode({ id, ...facts }))
  const text = document.toString({ lineWidth: 0 })
  parseRevocations(text)
  return { text, id }
}

const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789' // 32: no bias; no l, o, 0, 1

function mintId(random: Random): string {
  return `rv_${Array.from(random.bytes(8), (byte) => ALPHABET[byte % 32]).join('')}`
}

function invalid(message: string): IdentityError {
  return new IdentityError('IDENTITY_REVOCATIONS_INVALID', `revocations file: ${message}`)
}

import type { BodyDigest } from '../authenticator.ts'
import { parseDictionary } from './structured-fields.ts'

/** Algorithms that RFC 9530 calls active, the one that is computed anyway first. */
const ALGORITHMS = [
  ['sha-256', 32],
  ['sha-512', 64],
] as const

/** What the body must be by `Content-Digest`; undefined where the field says nothing usable. */
export function parseContentDigest(values: readonly string[]): BodyDigest | undefined {
  const digests = parseDictionary(values)
  for (const [algorithm, bytes] of ALGORITHMS) {
    const member = digests?.get(algorithm)
    if (member === undefined) continue
    if (!('item' in member) || member.item.kind !== 'bytes') return undefined
    const digest = member.item.value
    return digest.length === bytes ? { algorithm, digest } : undefined
  }
  return undefined
}

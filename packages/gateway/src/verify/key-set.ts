import {
  hexKeyId,
  type KeyVerifier,
  noteVerifier,
  parseVerifierKey,
  type Sha256,
  TlogError,
} from '@countersign/tlog'
import { ed25519, mlDsa44 } from '../platform/index.ts'
import type { Findings } from './report.ts'
import { VerifyError } from './verify-error.ts'

/** A key that must have signed, as text and as what checks it. */
export interface TrustedKey {
  readonly vkey: string
  readonly verifier: KeyVerifier
}

/** No honest list is longer: two algorithms, and a key of 1,312 bytes in base64. */
export const KEY_LIST_BYTES_MAX = 64 * 1024

const ALGORITHMS = { ed25519, mlDsa44 }

/** A key as text, `name+hex+base64`. Throws TlogError. */
export function trustedKey(sha256: Sha256, vkey: string): TrustedKey {
  return { vkey, verifier: noteVerifier(parseVerifierKey(sha256, vkey), ALGORITHMS) }
}

/** The keys that the caller trusts; one that cannot be read is the caller's mistake. */
export function givenKeys(sha256: Sha256, vkeys: readonly string[]): readonly TrustedKey[] {
  return vkeys.map((vkey) => {
    try {
      return trustedKey(sha256, vkey.trim())
    } catch (cause) {
      if (!(cause instanceof TlogError)) throw cause
      throw new VerifyError('VERIFY_USAGE', `not a verifier key: ${cause.message}`, { cause })
    }
  })
}

/** The log's own list, one key a line: what its checkpoints promise to be signed by. */
export function listedKeys(
  sha256: Sha256,
  list: { readonly bytes: Uint8Array; readonly file: string },
  to: Findings,
): readonly TrustedKey[] {
  const lines = Buffer.from(list.bytes).toString('utf8').split('\n')
  if (lines.pop() !== '') to.add('key', 'does not end in a newline', { file: list.file })
  if (new Set(lines).size < lines.length) to.add('key', 'lists a key twice', { file: list.file })
  return lines.flatMap((line, at) => {
    try {
      return [trustedKey(sha256, line)]
    } catch (error) {
      if (!(error instanceof TlogError)) throw error
      to.add('key', `line ${at + 1} is no verifier key: ${error.message}`, { file: list.file })
      return []
    }
  })
}

/** All keys, each once, the first list's first. */
export function unite(...lists: readonly (readonly TrustedKey[])[]): readonly TrustedKey[] {
  return [...new Map(lists.flat().map((key) => [key.vkey, key])).values()]
}

export function nameOf({ verifier }: TrustedKey): string {
  const algorithm = verifier.type === 6 ? 'ML-DSA-44' : 'Ed25519'
  return `${algorithm} key ${verifier.name}+${hexKeyId(verifier.keyId)}`
}

import {
  type Checkpoint,
  formatCheckpoint,
  hexKeyId,
  type Note,
  parseCheckpoint,
  parseNote,
  TlogError,
} from '@countersign/tlog'
import { nameOf, type TrustedKey } from './key-set.ts'
import { auditQuorum, type Policy } from './policy.ts'
import type { Findings } from './report.ts'

/** Who must have signed a checkpoint. */
export interface Signers {
  readonly keys: readonly TrustedKey[]
  /** Whether these are all the keys that the log has. */
  readonly isWhole: boolean
  readonly policy?: Policy
}

/**
 * The checkpoint that a signed note holds, if its form is right; whatever is wrong with its
 * signatures is found as well. Every key must have signed, and nobody else in the log's name.
 */
export function auditCheckpoint(
  { bytes, file }: { readonly bytes: Uint8Array; readonly file: string },
  signers: Signers,
  to: Findings,
): Checkpoint | undefined {
  const { keys, policy } = signers
  try {
    const note = parseNote(bytes)
    const checkpoint = parseCheckpoint(note.text)
    for (const key of keys) auditKey(key, note, checkpoint, file, to)
    auditStrangers(note, checkpoint, signers, { file, to })
    if (policy !== undefined) auditQuorum(note, checkpoint, policy, { file, to })
    return checkpoint
  } catch (error) {
    if (!(error instanceof TlogError)) throw error
    to.add('checkpoint', `is no checkpoint: ${error.message}`, { file })
    return undefined
  }
}

/** Whether one of these keys stands behind what the note says; it is a checkpoint's note. */
export function isSignedBy(bytes: Uint8Array, keys: readonly TrustedKey[]): boolean {
  const { text, signatures } = parseNote(bytes)
  const signed = new TextEncoder().encode(text)
  return keys.some(({ verifier }) =>
    signatures.some(({ name, keyId, signature }) => {
      const isHis = name === verifier.name && keyId === verifier.keyId
      return isHis && verifier.verify(signed, signature)
    }),
  )
}

function auditKey(
  key: TrustedKey,
  note: Note,
  checkpoint: Checkpoint,
  file: string,
  to: Findings,
): void {
  const { name, keyId } = key.verifier
  const text = new TextEncoder().encode(formatCheckpoint(checkpoint))
  const lines = note.signatures.filter((line) => line.name === name && line.keyId === keyId)
  if (name !== checkpoint.origin) {
    to.add('key', `is for ${checkpoint.origin}, which ${nameOf(key)} is not named after`, { file })
  }
  if (lines.length === 0) to.add('signature', `is not signed by ${nameOf(key)}`, { file })
  if (lines.length > 1) to.add('signature', `is signed twice by ${nameOf(key)}`, { file })
  if (lines.some(({ signature }) => !key.verifier.verify(text, signature))) {
    to.add('signature', `has a signature of ${nameOf(key)} that does not verify`, { file })
  }
}

/** Witnesses may add lines; in the log's own name only its own keys sign. */
function auditStrangers(
  note: Note,
  { origin }: Checkpoint,
  { keys, isWhole, policy }: Signers,
  { file, to }: { readonly file: string; readonly to: Findings },
): void {
  const known = [...keys, ...(policy?.witnesses ?? [])]
  for (const { name, keyId } of note.signatures) {
    if (known.some(({ verifier }) => verifier.name === name && verifier.keyId === keyId)) continue
    const by = `${name}+${hexKeyId(keyId)}`
    if (isWhole && name === origin) {
      to.add('signature', `is signed by ${by}, none of the log's keys`, { file })
    } else to.skip('signature', `has a line by ${by}, whose key is not known here`, { file })
  }
}

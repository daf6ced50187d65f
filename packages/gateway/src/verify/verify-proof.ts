import { EvidenceError, LEAF_BYTES, parseReceipt } from '@countersign/evidence'
import {
  type Checkpoint,
  decodeBase64,
  hashLeaf,
  PROOF_BYTES_MAX,
  parseTlogProof,
  TlogError,
  type TlogProof,
  verifyInclusion,
} from '@countersign/tlog'
import { type Disk, diskErrorCode, nodeSha256 } from '../platform/index.ts'
import { auditCheckpoint } from './checkpoint-audit.ts'
import { unite } from './key-set.ts'
import type { Findings, Report } from './report.ts'
import { report, trustOf } from './verdict.ts'
import { VerifyError } from './verify-error.ts'

export interface ProofOptions {
  readonly disk: Disk
  /** A c2sp.org/tlog-proof@v1 file. */
  readonly file: string
  readonly keys?: readonly string[]
  /** The text of a tlog-policy. */
  readonly policy?: string
  /** The entry that the proof is for, in hexadecimal or base64. */
  readonly leaf?: string
  /** Or the receipt that holds it: the value of its header. */
  readonly receipt?: string
}

/** What the caller holds of the entry, and what it says about where the entry stands. */
interface Held {
  readonly leaf: Uint8Array
  readonly index?: number
  readonly origin?: string
}

/** Verifies one proof: a trusted key signed a tree in which this entry stands at this index. */
export function verifyProof(options: ProofOptions): Promise<Report> {
  return report({ ...options, place: 'proof' }, async (audited) => {
    const to = audited.findings
    const { given, policy } = trustOf(options)
    const keys = unite(given, policy?.log ?? [])
    const held = heldBy(options)
    const proof = parseProof(await read(options), to)
    if (proof === undefined) return
    const note = new TextEncoder().encode(proof.checkpoint)
    const signers = { keys, isWhole: false, ...(policy === undefined ? {} : { policy }) }
    const checkpoint = auditCheckpoint({ bytes: note, file: options.file }, signers, to)
    if (checkpoint === undefined) return
    audited.signed = { checkpoint, keys, listed: [] }
    if (keys.length === 0) to.lack('key', 'no key was given to trust: add --key')
    if (held === undefined) {
      to.lack('entry', 'was not given: add --leaf or --receipt', { index: proof.index })
    } else auditHeld(held, proof, checkpoint, to)
  })
}

async function read({ disk, file }: ProofOptions): Promise<Uint8Array> {
  try {
    return await disk.read(file, PROOF_BYTES_MAX)
  } catch (cause) {
    const why = diskErrorCode(cause) === 'DISK_NOT_FOUND' ? 'there is no file' : 'cannot read'
    throw new VerifyError('VERIFY_UNREADABLE', `${why} ${file}`, { cause })
  }
}

function parseProof(bytes: Uint8Array, to: Findings): TlogProof | undefined {
  try {
    return parseTlogProof(bytes)
  } catch (error) {
    if (!(error instanceof TlogError)) throw error
    to.add('proof', `this is no proof: ${error.message}`)
    return undefined
  }
}

function heldBy({ leaf, receipt }: ProofOptions): Held | undefined {
  try {
    if (receipt !== undefined) return parseReceipt(receipt)
    if (leaf === undefined) return undefined
    return { leaf: isHex(leaf) ? Buffer.from(leaf, 'hex') : decodeBase64(leaf) }
  } catch (cause) {
    if (!(cause instanceof EvidenceError || cause instanceof TlogError)) throw cause
    throw new VerifyError('VERIFY_USAGE', cause.message, { cause })
  }
}

function isHex(text: string): boolean {
  return text.length === 2 * LEAF_BYTES && /^[0-9a-f]+$/i.test(text)
}

function auditHeld(
  { leaf, index, origin }: Held,
  proof: TlogProof,
  checkpoint: Checkpoint,
  to: Findings,
): void {
  if (origin !== undefined && origin !== checkpoint.origin) {
    to.add('proof', `the receipt is of ${origin}, the proof of ${checkpoint.origin}`)
  }
  if (index !== undefined && index !== proof.index) {
    to.add('proof', `the receipt is for entry ${index}, the proof for entry ${proof.index}`)
  }
  try {
    const leafHash = hashLeaf(nodeSha256, leaf)
    const { index: at, hashes } = proof
    const { size, root } = checkpoint
    verifyInclusion(nodeSha256, { index: at, size, leafHash, proof: hashes, root })
  } catch (error) {
    if (!(error instanceof TlogError)) throw error
    const why = `is not the one given, by this proof: ${error.message}`
    to.add('entry', why, { index: proof.index })
  }
}

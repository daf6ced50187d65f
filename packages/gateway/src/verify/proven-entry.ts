import {
  bundleOf,
  type Checkpoint,
  decodeBundle,
  formatTlogProof,
  inclusionProof,
  leafIndex,
  parseTlogProof,
  TILE_WIDTH,
  TlogError,
  tileHashReader,
  tileWidthAt,
  verifyTlogProof,
} from '@countersign/tlog'
import { type Disk, nodeSha256 } from '../platform/index.ts'
import { givenKeys } from './key-set.ts'
import { openLog, type ReadLog } from './log-audit.ts'
import { Findings, sentence } from './report.ts'
import { directorySource, type Source } from './source.ts'
import { TileReader } from './stored-tile.ts'
import { VerifyError } from './verify-error.ts'

export interface EntryOptions {
  readonly disk: Disk
  /** The data directory. */
  readonly data: string
  readonly epoch: number
  readonly index: number
  /** Verifier keys that the caller trusts, beside those that the log lists. */
  readonly keys?: readonly string[]
}

/** An entry with the proof, verified here, that the published checkpoint covers it. */
export interface ProvenEntry {
  readonly index: number
  readonly entry: Uint8Array
  readonly checkpoint: Checkpoint
  /** The whole c2sp.org/tlog-proof@v1 file. */
  readonly proof: string
}

/**
 * Reads one entry and proves it against the published checkpoint. Throws VERIFY_NOT_COVERED where
 * no checkpoint covers it yet, and VERIFY_TAMPERED where what is stored does not prove it.
 */
export async function provenEntry(options: EntryOptions): Promise<ProvenEntry> {
  const { disk, data, epoch } = options
  const index = leafIndex(options.index)
  const source = directorySource(disk, `${data}/${epoch}/log`)
  const signed = await openSigned(source, options)
  const { checkpoint } = signed
  if (index >= checkpoint.size) throw notThere(index, checkpoint.size)
  try {
    const entry = await readEntry(source, checkpoint, index)
    const proof = await makeProof(source, signed, index)
    const log = signed.keys.map(({ verifier }) => verifier)
    verifyTlogProof(nodeSha256, parseTlogProof(proof), { entry, signers: { log } })
    return { index, entry, checkpoint, proof }
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause
    const why = `entry ${index} is not the entry that checkpoint ${checkpoint.size} covers`
    throw new VerifyError('VERIFY_TAMPERED', `${why}: ${cause.message}`, { cause })
  }
}

/** Said of what no checkpoint covers: it was never recorded, or only just. */
export function notThere(index: number, size: number): VerifyError {
  const why = `entry ${index} does not exist: the log has ${size} entries`
  return new VerifyError('VERIFY_NOT_COVERED', why)
}

async function openSigned(source: Source, { keys = [] }: EntryOptions): Promise<ReadLog> {
  const to = new Findings()
  const given = givenKeys(nodeSha256, keys)
  const signed = await openLog({ source, sha256: nodeSha256, given, to, keyListRequired: true })
  const [bad] = to.bad
  if (bad === undefined && signed !== undefined) return signed
  throw new VerifyError('VERIFY_TAMPERED', `log/${sentence(bad)}`)
}

async function readEntry(source: Source, { size }: Checkpoint, index: number): Promise<Uint8Array> {
  const place = bundleOf(leafIndex(index))
  const width = tileWidthAt(size, 0, place.index)
  const group = { level: 0, index: place.index, width }
  const { file, bytes, why } = await new TileReader(source, nodeSha256).entries(group)
  const fileWidth = file.includes('.p/') ? width : TILE_WIDTH
  const entry =
    bytes && why === undefined ? decodeBundle(bytes, fileWidth)[place.offset] : undefined
  if (entry !== undefined) return entry
  throw new VerifyError('VERIFY_TAMPERED', `log/${file} ${why}`)
}

async function makeProof(
  source: Source,
  { checkpoint, note }: ReadLog,
  index: number,
): Promise<string> {
  const { size } = checkpoint
  const reader = tileHashReader({
    sha256: nodeSha256,
    size,
    async readTile(path) {
      const read = await source.read(path, TILE_WIDTH * 32)
      return read.kind === 'bytes' ? read.bytes : undefined
    },
  })
  const hashes = await inclusionProof(nodeSha256, { index: leafIndex(index), size }, reader)
  const text = new TextDecoder().decode(note)
  return formatTlogProof({ index: leafIndex(index), hashes, checkpoint: text })
}

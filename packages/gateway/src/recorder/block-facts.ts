import { BLOCK_FILES_MAX, type BlockFacts } from '@countersign/evidence'
import type { PackReport } from '../ledger/index.ts'
import { blockPath, personsPath } from '../vault/index.ts'

/**
 * What `block` records say of finished files, as few records as can be.
 *
 * Such a record is an entry too and so comes to stand in a block of its own; but one record tells
 * of up to BLOCK_FILES_MAX files and it takes 256 entries to finish another two, so records about
 * records die out.
 */
export function* blockFacts(reports: readonly PackReport[]): Generator<BlockFacts> {
  const files = reports.map(({ kind, block, sha256, bytes }) => ({
    path: kind === 'persons' ? personsPath(block) : blockPath(kind, block),
    sha256: Buffer.from(sha256).toString('hex'),
    bytes,
  }))
  for (let from = 0; from < files.length; from += BLOCK_FILES_MAX) {
    yield { files: files.slice(from, from + BLOCK_FILES_MAX) }
  }
}

import { BLOCK_FILES_MAX, type BlockFile } from '@countersign/evidence'
import type { PackReport } from '../ledger/index.ts'
import { blockPath, personsPath } from '../vault/index.ts'
import type { RecordWriter, Written } from './record-writer.ts'

/**
 * Collects the digests of finished files and writes them into `block` records, one at a time.
 *
 * A `block` record is an entry too and so comes to stand in a block of its own; but one record
 * tells of all that was finished since the one before, and it takes 256 entries to finish another,
 * so records about records die out.
 */
export class BlockReports {
  #waiting: readonly BlockFile[] = []

  get owed(): boolean {
    return this.#waiting.length > 0
  }

  add(reports: readonly PackReport[]): void {
    const files = reports.map(({ kind, block, sha256, bytes }) => ({
      path: kind === 'persons' ? personsPath(block) : blockPath(kind, block),
      sha256: Buffer.from(sha256).toString('hex'),
      bytes,
    }))
    this.#waiting = [...this.#waiting, ...files]
  }

  /** Writes what waits; what fails waits on. Calls must not overlap. */
  async flush(writer: RecordWriter, wrote: (written: Written) => void): Promise<void> {
    while (this.#waiting.length > 0) {
      const files = this.#waiting.slice(0, BLOCK_FILES_MAX)
      wrote(await writer.act('block', { files }))
      this.#waiting = this.#waiting.slice(files.length)
    }
  }
}

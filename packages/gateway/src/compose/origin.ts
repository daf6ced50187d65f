import { join } from 'node:path'
import { missingKey } from '../ledger/index.ts'
import { type Disk, diskErrorCode, type Random } from '../platform/index.ts'

const ORIGIN_RANDOM_BYTES = 8
const KEY_BYTES_MAX = 4096

export interface OriginOptions {
  readonly disk: Disk
  readonly random: Random
  /** `keys` of the data directory. */
  readonly directory: string
  readonly epoch: number
  /** What a new log's origin begins with. */
  readonly prefix: string
  /** Whether there may be no key yet. */
  readonly mayCreate: boolean
}

/**
 * The origin of an epoch's log: the name in its signing key, or a new one where there is no key.
 * It holds random characters: a log that is begun anew in the same place is another log, and to
 * nobody who remembers the old one a fork of it.
 */
export async function originOf(options: OriginOptions): Promise<string> {
  const { disk, random, directory, epoch, prefix, mayCreate } = options
  const path = join(directory, `${epoch}.ed25519`)
  try {
    const key = await disk.read(path, KEY_BYTES_MAX)
    // PRIVATE+KEY+name+id+material: opening the key checks it, this only needs its name.
    return new TextDecoder().decode(key).split('+')[2] ?? ''
  } catch (error) {
    if (diskErrorCode(error) !== 'DISK_NOT_FOUND') throw error
    if (!mayCreate) throw missingKey(path)
    return `${prefix}/${Buffer.from(random.bytes(ORIGIN_RANDOM_BYTES)).toString('hex')}`
  }
}

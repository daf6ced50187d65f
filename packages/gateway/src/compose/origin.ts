import { join } from 'node:path'
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
}

/**
 * The origin of an epoch's log: the name in its signing key, or a new one where there is no key.
 * It holds random characters: a log that is begun anew in the same place is another log, and to
 * nobody who remembers the old one a fork of it.
 */
export async function originOf(options: OriginOptions): Promise<string> {
  const { disk, random, directory, epoch, prefix } = options
  try {
    const key = await disk.read(join(directory, `${epoch}.ed25519`), KEY_BYTES_MAX)
    // PRIVATE+KEY+name+id+material: opening the key checks it, this only needs its name.
    return new TextDecoder().decode(key).split('+')[2] ?? ''
  } catch (error) {
    if (diskErrorCode(error) !== 'DISK_NOT_FOUND') throw error
    return `${prefix}/${Buffer.from(random.bytes(ORIGIN_RANDOM_BYTES)).toString('hex')}`
  }
}

import { join } from 'node:path'
import type { Config } from '../config/index.ts'
import { type CheckpointSigner, layoutOf, openLogKeys } from '../ledger/index.ts'
import { type Disk, diskErrorCode, ed25519, mlDsa44, nodeSha256 } from '../platform/index.ts'
import { type Kek, parseKek, Vault } from '../vault/index.ts'
import type { Machine } from './machine.ts'
import { originOf } from './origin.ts'
import { readKek } from './read-kek.ts'

/** One epoch for now; rotation of the log's keys will open the next. */
export const EPOCH = 1

/** Every key that the gateway itself holds. */
export interface Secrets {
  readonly directory: string
  readonly kekText: string
  readonly kek: Kek
  readonly vault: Vault
  readonly signer: CheckpointSigner
}

/** Opens the keys of a data directory, and makes them where nothing was ever kept in it. */
export async function openSecrets(config: Config, machine: Machine): Promise<Secrets> {
  const { disk, clock, random } = machine
  const directory = join(config.data, 'keys')
  await disk.makeDirectory(directory)
  const prefix = config.origin
  // A key that is lost is not made anew beside what was written with it: nobody would notice.
  const mayCreate = !(await hasBegun(disk, config.data))
  const origin = await originOf({ disk, random, directory, epoch: EPOCH, prefix, mayCreate })
  const kekText = await readKek({
    ...machine,
    place: config.vault.kek ?? { file: join(directory, 'kek') },
    mayCreate: (await disk.stat(join(directory, 'kek.check'))) === undefined,
  })
  const kek = parseKek(kekText)
  const nowUs = clock.nowUs()
  const vault = await Vault.open({ disk, random, directory, origin, kek, nowUs, mayCreate })
  const signer = await openLogKeys({
    disk,
    clock,
    random,
    directory,
    origin,
    epoch: EPOCH,
    mayCreate,
    sha256: nodeSha256,
    ed25519,
    mlDsa44,
  })
  return { directory, kekText, kek, vault, signer }
}

/** Whether anything was ever written under the keys of this directory. */
async function hasBegun(disk: Disk, data: string): Promise<boolean> {
  const { wal, log } = layoutOf(data, EPOCH)
  if ((await disk.stat(join(log, 'checkpoint'))) !== undefined) return true
  try {
    return (await disk.list(wal)).length > 0
  } catch (error) {
    if (diskErrorCode(error) === 'DISK_NOT_FOUND') return false
    throw error
  }
}

import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from '../config/index.ts'
import {
  type CheckpointSigner,
  LedgerKeeper,
  LocalIntegration,
  layoutOf,
  openLogKeys,
  type RollbackProtection,
} from '../ledger/index.ts'
import { ed25519, mlDsa44, nodeSha256, sqliteLock } from '../platform/index.ts'
import { BlockPacker, KeyRing, Vault } from '../vault/index.ts'
import type { Machine } from './machine.ts'
import { openKek } from './open-kek.ts'
import { originOf } from './origin.ts'

/** One epoch for now; rotation of the log's keys will open the next. */
export const EPOCH = 1

/** Everything that is kept, open for writing. */
export interface OpenLedger {
  readonly keeper: LedgerKeeper
  readonly vault: Vault
  readonly signer: CheckpointSigner
  readonly rollbackProtection: RollbackProtection
  close(): Promise<void>
}

export async function openLedger(config: Config, machine: Machine): Promise<OpenLedger> {
  const { disk, clock, random } = machine
  const { data } = config
  const directory = join(data, 'keys')
  await disk.makeDirectory(directory)
  const origin = await originOf({ disk, random, directory, epoch: EPOCH, prefix: config.origin })
  const kek = await openKek({
    ...machine,
    place: config.vault.kek ?? { file: join(directory, 'kek') },
    mayCreate: (await disk.stat(join(directory, 'kek.check'))) === undefined,
  })
  const vault = await Vault.open({ disk, random, directory, origin, kek, nowUs: clock.nowUs() })
  const signer = await openLogKeys({
    ...{ disk, clock, random, directory, origin, ed25519, mlDsa44 },
    ...{ sha256: nodeSha256, epoch: EPOCH },
  })
  const lockPath = config.lock ?? join(data, 'state', 'lock.db')
  const lock = sqliteLock(lockPath)
  const rollbackProtection = await protectionOf(data, lockPath)
  const keeper = await LedgerKeeper.start({
    ...{ disk, clock, lock, signer, data, rollbackProtection },
    // The process holds the directory since before its first file: an instance borrows that.
    claim: async () => ({ release: async () => undefined }),
    sealer: vault.sealer,
    sha256: nodeSha256,
    algorithms: { ed25519, mlDsa44 },
    openIntegration: () => {
      const packer = new BlockPacker({
        ...{ disk, random, origin },
        ring: new KeyRing({ disk, directory, kek, origin }),
        epochDirectory: join(data, String(EPOCH)),
      })
      return new LocalIntegration({
        ...{ disk, packer, sha256: nodeSha256 },
        directory: layoutOf(data, EPOCH).log,
      })
    },
    epoch: EPOCH,
    publishEveryMs: config.ledger.publishEveryMs,
    limits: config.ledger,
  })
  return {
    ...{ keeper, vault, signer, rollbackProtection },
    close: async () => {
      await keeper.close()
      await lock.close()
    },
  }
}

/** A volume that is restored from a backup takes a lock on it along, and nothing looks wrong. */
async function protectionOf(data: string, lockPath: string): Promise<RollbackProtection> {
  const [ofData, ofLock] = await Promise.all([stat(data), stat(dirname(lockPath))])
  return ofData.dev === ofLock.dev ? 'none' : 'lock'
}

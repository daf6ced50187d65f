import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { leafIndex } from '@countersign/tlog'
import type { Config } from '../config/index.ts'
import type { IntegrationWorkerData } from '../integration-worker.ts'
import {
  type CheckpointSigner,
  type Integration,
  LedgerKeeper,
  LogReader,
  layoutOf,
  openLogKeys,
  openWal,
  type RollbackProtection,
  workerIntegration,
} from '../ledger/index.ts'
import { ed25519, mlDsa44, nodeSha256, sqliteLock } from '../platform/index.ts'
import { BlockReader, KeyRing, parseKek, Vault } from '../vault/index.ts'
import type { Machine } from './machine.ts'
import { originOf } from './origin.ts'
import { programFile } from './program-files.ts'
import { readKek } from './read-kek.ts'

/** One epoch for now; rotation of the log's keys will open the next. */
export const EPOCH = 1

/** Everything that is kept, open for writing. */
export interface OpenLedger {
  readonly keeper: LedgerKeeper
  readonly vault: Vault
  readonly signer: CheckpointSigner
  /** The read side: what was sealed, and what is still in the write-ahead log. */
  readonly reader: BlockReader
  readonly log: LogReader
  readonly rollbackProtection: RollbackProtection
  close(): Promise<void>
}

export async function openLedger(config: Config, machine: Machine): Promise<OpenLedger> {
  const { disk, clock, random } = machine
  const { data } = config
  const directory = join(data, 'keys')
  await disk.makeDirectory(directory)
  const origin = await originOf({ disk, random, directory, epoch: EPOCH, prefix: config.origin })
  const kekText = await readKek({
    ...machine,
    place: config.vault.kek ?? { file: join(directory, 'kek') },
    mayCreate: (await disk.stat(join(directory, 'kek.check'))) === undefined,
  })
  const kek = parseKek(kekText)
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
    openIntegration: () =>
      startIntegration({
        ...{ data, origin, epoch: EPOCH, keysDirectory: directory, kek: kekText },
      }),
    epoch: EPOCH,
    publishEveryMs: config.ledger.publishEveryMs,
    limits: config.ledger,
  })
  const layout = layoutOf(data, EPOCH)
  const wal = { disk, directory: layout.wal, sealer: vault.sealer }
  const reader = new BlockReader({
    ...{ disk, origin, epochDirectory: join(data, String(EPOCH)) },
    ring: new KeyRing({ disk, directory, kek, origin }),
    unpacked: async (index) => (await (await openWal(wal)).read(leafIndex(index)))?.payload,
  })
  return {
    ...{ keeper, vault, signer, reader, rollbackProtection },
    log: new LogReader(disk, layout.log),
    close: async () => {
      await keeper.close()
      await lock.close()
    },
  }
}

/** Hashing, tiles and blocks, off the thread that requests are served on. */
function startIntegration(workerData: IntegrationWorkerData): Integration {
  return workerIntegration(new Worker(programFile('integration-worker'), { workerData }))
}

/** A volume that is restored from a backup takes a lock on it along, and nothing looks wrong. */
async function protectionOf(data: string, lockPath: string): Promise<RollbackProtection> {
  const [ofData, ofLock] = await Promise.all([stat(data), stat(dirname(lockPath))])
  return ofData.dev === ofLock.dev ? 'none' : 'lock'
}

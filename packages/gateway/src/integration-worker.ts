// The second composition root: integration and packing in a worker thread, with the real disk; and
// the lock, whose commits wait for the disk.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { LocalIntegration, layoutOf, serveIntegration } from './ledger/index.ts'
import {
  giveWay,
  nodeDisk,
  nodeSha256,
  serveLock,
  sqliteLock,
  systemRandom,
} from './platform/index.ts'
import { BlockPacker, KeyRing, parseKek } from './vault/index.ts'

/** What the main thread passes as `workerData`. */
export interface IntegrationWorkerData {
  /** The data directory. */
  readonly data: string
  readonly keysDirectory: string
  readonly epoch: number
  readonly origin: string
  /** The text of the key-encryption key. It stays within the process. */
  readonly kek: string
  /** Where the lock lies, and who asks for it; without it the lock is held elsewhere. */
  readonly lock?: { readonly path: string; readonly port: MessagePort }
}

if (parentPort !== null) {
  giveWay() // Who waits for an answer comes first; nobody waits for a tile.
  const { data, keysDirectory, epoch, origin, kek, lock } = workerData as IntegrationWorkerData
  const disk = nodeDisk({ shortCalls: 'in place' })
  const ring = new KeyRing({ disk, directory: keysDirectory, kek: parseKek(kek), origin })
  const epochDirectory = `${data}/${epoch}`
  const random = systemRandom()
  const packer = new BlockPacker({ disk, random, ring, origin, epochDirectory })
  const directory = layoutOf(data, epoch).log
  const integration = new LocalIntegration({ disk, directory, sha256: nodeSha256, packer })
  serveIntegration(parentPort, integration)
  if (lock !== undefined) serveLock(lock.port, sqliteLock(lock.path))
}

import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { leafIndex } from '@countersign/tlog'
import type { Config } from '../config/index.ts'
import type { IntegrationWorkerData } from '../integration-worker.ts'
import {
  type Integration,
  LedgerKeeper,
  LogReader,
  layoutOf,
  openWal,
  type RollbackProtection,
  type Wal,
  type WalSource,
  workerIntegration,
} from '../ledger/index.ts'
import { ed25519, mlDsa44, nodeSha256, RemoteLock } from '../platform/index.ts'
import { BlockReader, KeyRing } from '../vault/index.ts'
import type { Machine } from './machine.ts'
import { EPOCH, openSecrets, type Secrets } from './open-secrets.ts'
import { programFile } from './program-files.ts'

/** Everything that is kept, open for writing. */
export interface OpenLedger extends Pick<Secrets, 'vault' | 'signer'> {
  readonly keeper: LedgerKeeper
  /** The read side: what was sealed, and what is still in the write-ahead log. */
  readonly reader: BlockReader
  /** The read side of what is packed alone. */
  readonly packed: BlockReader
  /** What is there now of the write-ahead log. */
  readonly wal: () => Promise<Wal>
  readonly log: LogReader
  readonly rollbackProtection: RollbackProtection
  /** Nothing was published before this life. */
  readonly isNew: boolean
  /** Who is told how long each batch took to be on the disk. */
  readonly onFlush: (listener: (ms: number) => void) => void
  close(): Promise<void>
}

export async function openLedger(config: Config, machine: Machine): Promise<OpenLedger> {
  const secrets = await openSecrets(config, machine)
  const { vault, signer } = secrets
  const { data } = config
  await using parts = new AsyncDisposableStack()
  const lockPath = config.lock ?? join(data, 'state', 'lock.db')
  const rollbackProtection = await protectionOf(data, lockPath)
  const lock = new RemoteLock(lockPath)
  parts.defer(() => lock.close())
  let listener: (ms: number) => void = () => undefined
  const onFlush = (ms: number): void => listener(ms)
  const needs = { secrets, lock, lockPath, rollbackProtection, onFlush }
  const keeper = await startKeeper(config, machine, needs)
  parts.defer(() => keeper.close())
  const open = parts.move()
  return {
    keeper,
    vault,
    signer,
    reader: openReader(config, machine, secrets, openUnpacked(config, machine, secrets)),
    packed: openReader(config, machine, secrets),
    wal: () => openWal(walOf(config, machine, secrets)),
    log: new LogReader(machine.disk, layoutOf(data, EPOCH).log),
    rollbackProtection,
    isNew: keeper.published?.size === 0,
    onFlush: (given) => {
      listener = given
    },
    close: () => open.disposeAsync(),
  }
}

interface KeeperNeeds {
  readonly secrets: Secrets
  readonly lock: RemoteLock
  readonly lockPath: string
  readonly rollbackProtection: RollbackProtection
  readonly onFlush: (ms: number) => void
}

function startKeeper(
  { data, ledger }: Config,
  { disk, clock }: Machine,
  { secrets, lock, lockPath, rollbackProtection, onFlush }: KeeperNeeds,
): Promise<LedgerKeeper> {
  const { vault, signer, directory: keysDirectory, kekText: kek } = secrets
  const { origin } = signer
  return LedgerKeeper.start({
    disk,
    clock,
    lock,
    // The process holds the directory since before its first file: an instance borrows that.
    claim: async () => ({ release: async () => undefined }),
    sealer: vault.sealer,
    signer,
    sha256: nodeSha256,
    algorithms: { ed25519, mlDsa44 },
    openIntegration: () => {
      const { port1: near, port2: port } = new MessageChannel()
      lock.connect(near)
      const worker = {
        data,
        keysDirectory,
        epoch: EPOCH,
        origin,
        kek,
        lock: { path: lockPath, port },
      }
      return startIntegration(worker, [port])
    },
    data,
    epoch: EPOCH,
    publishEveryMs: ledger.publishEveryMs,
    limits: ledger,
    rollbackProtection,
    onFlush,
  })
}

/** Hashing, tiles, blocks and the lock's commits, off the thread that requests are served on. */
function startIntegration(
  workerData: IntegrationWorkerData,
  transferList: readonly MessagePort[],
): Integration {
  const options = { workerData, transferList: [...transferList] }
  return workerIntegration(new Worker(programFile('integration-worker'), options))
}

function walOf({ data }: Config, { disk }: Machine, { vault }: Secrets): WalSource {
  return { disk, directory: layoutOf(data, EPOCH).wal, sealer: vault.sealer }
}

type Unpacked = (index: number) => Promise<Uint8Array | undefined>

/** Opened anew each time: segments come and go under a running ledger. */
function openUnpacked(config: Config, machine: Machine, secrets: Secrets): Unpacked {
  const wal = walOf(config, machine, secrets)
  return async (index) => (await (await openWal(wal)).read(leafIndex(index)))?.payload
}

function openReader(
  { data }: Config,
  { disk }: Machine,
  { directory, kek, signer: { origin } }: Secrets,
  unpacked?: Unpacked,
): BlockReader {
  const ring = new KeyRing({ disk, directory, kek, origin })
  const epochDirectory = join(data, String(EPOCH))
  return new BlockReader({ disk, origin, epochDirectory, ring, ...(unpacked && { unpacked }) })
}

/** A volume that is restored from a backup takes a lock on it along, and nothing looks wrong. */
async function protectionOf(data: string, lockPath: string): Promise<RollbackProtection> {
  const [ofData, ofLock] = await Promise.all([stat(data), stat(dirname(lockPath))])
  return ofData.dev === ofLock.dev ? 'none' : 'lock'
}

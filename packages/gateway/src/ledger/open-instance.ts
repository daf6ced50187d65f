import type { LeafIndex, TreeSize } from '@countersign/tlog'
import type { Ownership } from '../platform/index.ts'
import { ForwardSigner } from './checkpoint-signer.ts'
import { ClosedSegments } from './closed-segments.ts'
import { LedgerError } from './error.ts'
import type { Integration } from './integration.ts'
import { type Layout, layoutOf } from './layout.ts'
import type { LedgerOptions, RollbackProtection } from './ledger-options.ts'
import type { HeldLock } from './lock-record.ts'
import type { Span } from './packer.ts'
import { type Published, Publisher } from './publisher.ts'
import type { OpenIntent } from './segment-header.ts'
import { SegmentReader } from './segment-reader.ts'
import {
  assertPublished,
  findLock,
  isOwned,
  type StartUp,
  takeLock,
  verifiersOf,
  withChoices,
} from './start-up.ts'
import type { WalSource } from './wal.ts'
import { type Cut, recoverWal } from './wal-recovery.ts'
import { WalWriter } from './wal-writer.ts'

/** What a new incarnation found; the recorder writes it down. */
export interface Recovery {
  /** The torn tail that was cut, of which nothing was acknowledged. */
  readonly cut: Cut | undefined
  /** What dead incarnations left open, in rising index. */
  readonly interrupted: readonly OpenIntent[]
  readonly rollbackProtection: RollbackProtection
  /** The size that the lock confirmed, and the size after recovery. */
  readonly lockSize: TreeSize
  readonly size: TreeSize
  /** How many segments beyond the lock's size were copied and flushed. */
  readonly copiedSegments: number
}

/** Everything that an open ledger works with. */
export interface Instance {
  readonly ownership: Ownership
  readonly integration: Integration
  readonly publisher: Publisher
  readonly wal: WalWriter
  readonly segments: ClosedSegments
  readonly incarnation: number
  readonly recovery: Recovery
  readonly published: Published
}

export async function openInstance(options: LedgerOptions): Promise<Instance> {
  const layout = layoutOf(options.data, options.epoch)
  await options.disk.makeDirectory(layout.wal)
  const ownership = await claim(options)
  const integration = options.openIntegration()
  try {
    return await checkAndRecover(options, layout, ownership, integration)
  } catch (cause) {
    await integration.close()
    await ownership.release()
    throw withChoices(cause)
  }
}

async function claim({ claim, data }: LedgerOptions): Promise<Ownership> {
  try {
    return await claim(`${data}/state`)
  } catch (cause) {
    if (!isOwned(cause)) throw cause
    const message = `${data} belongs to another process that is running`
    throw new LedgerError('LEDGER_OWNED', message, { cause })
  }
}

/** The order matters: nothing is changed before the lock, the tree and the checkpoint agree. */
async function checkAndRecover(
  options: LedgerOptions,
  layout: Layout,
  ownership: Ownership,
  integration: Integration,
): Promise<Instance> {
  const { disk, clock, sealer, signer, sha256, epoch, lock: shared, limits } = options
  const verifiers = verifiersOf(signer, sha256, options.algorithms)
  const start: StartUp = { disk, lock: shared, layout, epoch, sha256, signer, verifiers }
  const found = await findLock(start)
  await integration.resume(found.record.size, found.record.root)
  await assertPublished(start, found.record)
  const lock = await takeLock(shared, found)
  const { incarnation, size: lockSize } = lock.record

  const originHash = sha256.digest(new TextEncoder().encode(signer.origin))
  const source: WalSource = { disk, directory: layout.wal, sealer }
  const { preallocateBytes } = limits
  const recovered = await recoverWal(source, {
    lockSize,
    incarnation,
    epoch,
    originHash,
    preallocateBytes,
  })
  const walOptions = { disk, directory: layout.wal, sealer, clock, epoch, incarnation, originHash }
  const wal = await WalWriter.open({ ...walOptions, limits }, recovered.end, recovered.intents)
  const publisher = publisherOf(options, layout, lock, verifiers)
  try {
    await publisher.resume()
    await integrate(source, recovered.segments, integration)
  } catch (cause) {
    await wal.close()
    throw cause
  }

  const { cut, end: size, intents: interrupted, copied: copiedSegments } = recovered
  const { rollbackProtection } = options
  const spans = recovered.segments
  return {
    ownership,
    integration,
    publisher,
    wal,
    segments: new ClosedSegments({ disk, directory: layout.wal, integration, spans }),
    incarnation,
    recovery: { cut, interrupted, rollbackProtection, lockSize, size, copiedSegments },
    published: lock.record,
  }
}

function publisherOf(
  { disk, clock, signer }: LedgerOptions,
  layout: Layout,
  lock: HeldLock,
  verifiers: ReturnType<typeof verifiersOf>,
): Publisher {
  const forward = new ForwardSigner(signer, lock.record)
  const { origin } = signer
  return new Publisher({ disk, clock, layout, lock, signer: forward, verifiers, origin })
}

/** The packer sees every segment that is still kept, the tree what the lock does not cover. */
async function integrate(
  { disk, directory, sealer }: WalSource,
  segments: readonly Span[],
  integration: Integration,
): Promise<void> {
  for (const { first } of segments) {
    const reader = await SegmentReader.open(disk, directory, first as LeafIndex, sealer)
    for (const { first: at, count, plain } of reader.frames()) {
      // A copy: its memory may go to a worker.
      integration.add({ first: at, count, plain: new Uint8Array(plain) })
    }
  }
}

// A ledger on a simulated machine, for tests of this room. Nothing here is a stand-in of the
// ledger's own parts; the packer only remembers, since packing is the vault's.
import assert from 'node:assert/strict'
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { CompactRange, hashLeaf, type LeafIndex, type TreeSize } from '@countersign/tlog'
import {
  type Disk,
  ed25519,
  LockCell,
  MemoryClaims,
  memoryLock,
  mlDsa44,
  nodeSha256,
  type Random,
  SeededRandom,
  SimulatedClock,
  SimulatedDisk,
  writeFileDurably,
} from '../platform/index.ts'
import type { EntryWaiter } from './batch.ts'
import type { Entry } from './entry.ts'
import { LedgerError, type LedgerErrorCode } from './error.ts'
import { Ledger } from './ledger.ts'
import type { LedgerOptions } from './ledger-options.ts'
import { LocalIntegration } from './local-integration.ts'
import { openLogKeys } from './log-keys.ts'
import { LogReader } from './log-reader.ts'
import type { PackedBatch, Packer, PackReport, Span } from './packer.ts'
import { SEAL_BYTES, type Sealer } from './sealer.ts'
import { SEGMENT_LIMITS } from './wal-writer.ts'

export const ORIGIN = 'ledger.example/log'
export const DATA = '/data'
export const KEYS = '/keys'

/** Remembers what it was given, and fails as told. */
export class RememberingPacker implements Packer {
  readonly calls: string[] = []
  readonly entries = new Map<number, { payload: Uint8Array }>()
  fails: Error | undefined
  keptFrom = 0

  add({ first, count, bytes, payloads }: PackedBatch): void {
    for (let at = 0; at < count; at += 1) {
      const payload = bytes.subarray(payloads[2 * at], payloads[2 * at + 1])
      this.entries.set(first + at, { payload })
    }
  }

  async settle(size: TreeSize): Promise<readonly PackReport[]> {
    this.calls.push(`settle ${size}`)
    return []
  }

  async closeSegment({ first, end }: Span): Promise<readonly PackReport[]> {
    this.calls.push(`close ${first}-${end}`)
    if (this.fails !== undefined) throw this.fails
    return [{ kind: 'persons', block: first, sha256: new Uint8Array(32), bytes: 1 }]
  }

  async resume(size: TreeSize): Promise<void> {
    this.calls.push(`resume ${size}`)
  }
}

/** Segment keys that are kept as they are: wrapping them is the vault's. */
export function segmentSealer(random: Random): Sealer {
  return {
    newSegment() {
      const wrapped = random.bytes(32)
      return {
        wrapped,
        seal(counter, aad, plain, into, at) {
          const cipher = createCipheriv('aes-256-gcm', wrapped, nonce(counter)).setAAD(aad)
          const sealed = [cipher.update(plain), cipher.final(), cipher.getAuthTag()]
          into.set(Buffer.concat(sealed), at)
        },
      }
    },
    openSegment: (wrapped) => ({
      open(counter, aad, sealed) {
        const decipher = createDecipheriv('aes-256-gcm', wrapped, nonce(counter)).setAAD(aad)
        decipher.setAuthTag(sealed.subarray(-SEAL_BYTES))
        return Buffer.concat([decipher.update(sealed.subarray(0, -SEAL_BYTES)), decipher.final()])
      },
    }),
  }
}

function nonce(counter: number): Uint8Array {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt32BE(counter, 8)
  return bytes
}

/** One simulated machine: its parts outlive the instances that run on it. */
export class Machine {
  readonly clock: SimulatedClock = new SimulatedClock()
  readonly random: SeededRandom
  readonly cell: LockCell = new LockCell()
  claims: MemoryClaims = new MemoryClaims()
  packer: RememberingPacker = new RememberingPacker()
  disk: SimulatedDisk
  lock = memoryLock({ cell: this.cell })

  constructor(seed = 1) {
    this.random = new SeededRandom(seed)
    this.disk = new SimulatedDisk({ random: new SeededRandom(seed + 1) })
  }

  /** Opens the next instance; `overrides` replace single options. */
  async open(overrides: Partial<LedgerOptions> = {}): Promise<Ledger> {
    return Ledger.open(await this.options(overrides))
  }

  async options(overrides: Partial<LedgerOptions> = {}): Promise<LedgerOptions> {
    const { disk, clock, random, lock, claims } = this
    await disk.makeDirectory(KEYS)
    const keys = { disk, clock, random, sha256: nodeSha256, directory: KEYS, epoch: 1 }
    return {
      disk,
      clock,
      lock,
      claim: claims.claim,
      sealer: segmentSealer(random),
      signer: await openLogKeys({ ...keys, origin: ORIGIN, ed25519, mlDsa44 }),
      sha256: nodeSha256,
      algorithms: { ed25519, mlDsa44 },
      openIntegration: () => this.integration(disk),
      data: DATA,
      epoch: 1,
      publishEveryMs: 1_000,
      limits: { ...SEGMENT_LIMITS, preallocateBytes: 4_096 },
      rollbackProtection: 'lock',
      ...overrides,
    }
  }

  integration(disk: Disk): LocalIntegration {
    const { packer } = this
    return new LocalIntegration({ disk, directory: `${DATA}/1/log`, sha256: nodeSha256, packer })
  }

  /** The process dies. Power `lost` takes what was not flushed with it. */
  crash(power: 'kept' | 'lost', keeps?: number): void {
    this.lock.goDown()
    const how = keeps === undefined ? {} : { keeps }
    this.disk = this.disk.crash({ power, random: this.random, ...how })
    this.claims = new MemoryClaims()
    this.packer = new RememberingPacker()
    this.lock = memoryLock({ cell: this.cell })
  }
}

/** An entry whose bytes follow from its number. */
export function entry(number: number, more: Partial<Entry> = {}): Entry {
  return { leaf: text(`leaf ${number}`), payload: text(`payload ${number}`), ...more }
}

/** Appends entries `first` to `end - 1` at once; resolves with their indices. */
export function appendAll(
  ledger: Pick<Ledger, 'append'>,
  first: number,
  end: number,
): Promise<readonly LeafIndex[]> {
  const numbers = Array.from({ length: end - first }, (_, at) => first + at)
  return Promise.all(numbers.map((number) => ledger.append(entry(number))))
}

export function text(of: string): Uint8Array {
  return new TextEncoder().encode(of)
}

/** Every leaf that the log's bundles hold below `size`. */
export async function readLeaves(disk: Disk, size: TreeSize): Promise<readonly Uint8Array[]> {
  const log = new LogReader(disk, `${DATA}/1/log`)
  const leaves: Uint8Array[] = []
  for (let index = 0; index * 256 < size; index += 1) {
    const width = Math.min(256, size - index * 256)
    leaves.push(...((await log.readBundle(index, width)) ?? []))
  }
  return leaves
}

/** The root over leaves, by the accumulator of the package that other tests hold to its oracle. */
export function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  const range = new CompactRange(nodeSha256)
  for (const leaf of leaves) range.append(hashLeaf(nodeSha256, leaf))
  return range.root()
}

export async function changeFile(
  disk: Disk,
  path: string,
  change: (bytes: Uint8Array) => Uint8Array,
): Promise<void> {
  await writeFileDurably(disk, path, change(Uint8Array.from(await disk.read(path))))
}

/** Changes one bit. */
export function flip(offset: number): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => bytes.map((byte, at) => (at === offset ? byte ^ 0x10 : byte))
}

export function hasCode(code: LedgerErrorCode, message: RegExp = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof LedgerError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    return true
  }
}

/** Waits for an entry and does not care. */
export const NOBODY: EntryWaiter = { durable: () => undefined, refused: () => undefined }

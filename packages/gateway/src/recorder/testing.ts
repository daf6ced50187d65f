// A gateway's recorder on a simulated machine, with the real ledger and the real vault, and a
// reader that believes nothing: every section is hashed again and held against the public log.
import {
  type CheckedRecord,
  checkSections,
  encodeLeaf,
  type Kind,
  kindOfCode,
  PairChecker,
  type PairViolation,
  parseSection,
  parseWhen,
  type Section,
  type SectionName,
  sectionName,
  type When,
} from '@countersign/evidence'
import { type TreeSize, tileWidthAt } from '@countersign/tlog'
import {
  LedgerKeeper,
  type LedgerOptions,
  LocalIntegration,
  LogReader,
  openLogKeys,
  openWal,
  SEGMENT_LIMITS,
} from '../ledger/index.ts'
import {
  ed25519,
  LockCell,
  MemoryClaims,
  memoryLock,
  mlDsa44,
  nodeSha256,
  SeededRandom,
  SimulatedClock,
  SimulatedDisk,
} from '../platform/index.ts'
import {
  BLOCK_ENTRIES,
  BlockPacker,
  BlockReader,
  KeyRing,
  newKekText,
  type OpenedRecord,
  parseKek,
  Vault,
} from '../vault/index.ts'
import { Recorder, type RecorderOptions } from './recorder.ts'

export const ORIGIN = 'recorder.example/log'
const DATA = '/data'
const KEYS = `${DATA}/keys`
const EPOCH = `${DATA}/1`

/** A record read back: its sections proved to be what its leaf commits to. */
export interface ReadRecord {
  readonly index: number
  readonly kind: Kind
  readonly when: When
  readonly sections: Readonly<Partial<Record<SectionName, Section>>>
  readonly keyIds: Readonly<Partial<Record<SectionName, string>>>
  readonly leaf: Uint8Array
}

/** One simulated machine; its parts outlive the processes that run on it. */
export class Machine {
  readonly clock: SimulatedClock = new SimulatedClock()
  readonly random: SeededRandom
  readonly faults: unknown[] = []
  publishEveryMs = 1_000
  disk: SimulatedDisk
  vault: Vault | undefined
  keeper: LedgerKeeper | undefined
  readonly #cell = new LockCell()
  readonly #kek: ReturnType<typeof parseKek>
  #claims = new MemoryClaims()
  #lock = memoryLock({ cell: this.#cell })

  constructor(seed = 1) {
    this.random = new SeededRandom(seed)
    this.#kek = parseKek(newKekText(this.random))
    this.disk = new SimulatedDisk({ random: new SeededRandom(seed + 1) })
  }

  /** Starts a process: a vault, a keeper, a recorder whose first records are durable. */
  async start(
    overrides: Partial<RecorderOptions> = {},
    limits: Partial<LedgerOptions['limits']> = {},
  ): Promise<Recorder> {
    const { disk, clock, random } = this
    const origin = ORIGIN
    const keys = { disk, random, origin, directory: KEYS }
    this.vault = await Vault.open({ ...keys, kek: this.#kek, nowUs: clock.nowUs() })
    this.keeper = await LedgerKeeper.start(await this.#ledgerOptions(this.vault, limits))
    const recorder = new Recorder({
      keeper: this.keeper,
      vault: this.vault,
      clock,
      random,
      epoch: 1,
      origin,
      vkeys: ['one', 'two'],
      gateway: 'test',
      version: '0.1.0',
      runtime: 'test',
      onFault: (fault) => this.faults.push(fault),
      ...overrides,
    })
    await recorder.start()
    return recorder
  }

  async #ledgerOptions(
    vault: Vault,
    limits: Partial<LedgerOptions['limits']>,
  ): Promise<LedgerOptions> {
    const { disk, clock, random } = this
    const keys = { disk, clock, random, sha256: nodeSha256, directory: KEYS, epoch: 1 }
    return {
      disk,
      clock,
      lock: this.#lock,
      claim: this.#claims.claim,
      sealer: vault.sealer,
      signer: await openLogKeys({ ...keys, origin: ORIGIN, ed25519, mlDsa44 }),
      sha256: nodeSha256,
      algorithms: { ed25519, mlDsa44 },
      openIntegration: () =>
        new LocalIntegration({
          disk,
          directory: `${EPOCH}/log`,
          sha256: nodeSha256,
          packer: new BlockPacker({
            disk,
            random,
            ring: this.#ring(),
            origin: ORIGIN,
            epochDirectory: EPOCH,
          }),
        }),
      data: DATA,
      epoch: 1,
      publishEveryMs: this.publishEveryMs,
      limits: { ...SEGMENT_LIMITS, preallocateBytes: 4_096, ...limits },
      rollbackProtection: 'lock',
    }
  }

  #ring(): KeyRing {
    return new KeyRing({ disk: this.disk, directory: KEYS, kek: this.#kek, origin: ORIGIN })
  }

  /** The process dies; power `lost` takes what was not flushed with it. */
  crash(power: 'kept' | 'lost' = 'lost'): void {
    this.#lock.goDown()
    this.disk = this.disk.crash({ power, random: this.random })
    this.#claims = new MemoryClaims()
    this.#lock = memoryLock({ cell: this.#cell })
  }

  /** An orderly end of the process. */
  async stop(recorder: Recorder): Promise<void> {
    await recorder.stop('test')
    await this.keeper?.close()
  }

  /** Publishes what there is, then reads every record back. */
  async records(): Promise<readonly ReadRecord[]> {
    await this.clock.advance(this.publishEveryMs)
    const size = this.keeper?.published?.size ?? 0
    const reader = await this.reader()
    const log = this.log()
    const records: ReadRecord[] = []
    for (let block = 0; block * BLOCK_ENTRIES < size; block++) {
      const opened = await reader.block(block)
      const leaves = await log.readBundle(block, tileWidthAt(size as TreeSize, 0, block))
      if (opened.faults[0] !== undefined) throw opened.faults[0]
      for (const [offset, leaf] of (leaves ?? []).entries()) {
        records.push(readRecord(opened.records[offset], block * BLOCK_ENTRIES + offset, leaf))
      }
    }
    return records
  }

  /** Whether the key files hold a key that can be used. */
  async holdsKey(id: Uint8Array): Promise<boolean> {
    const key = await this.#ring().key(id)
    return Buffer.from(key.id).equals(id)
  }

  /** What the public log says. */
  log(): LogReader {
    return new LogReader(this.disk, `${EPOCH}/log`)
  }

  async reader(): Promise<BlockReader> {
    const { disk, vault } = this
    if (vault === undefined) throw new Error('machine was never started')
    const wal = await openWal({ disk, directory: `${DATA}/state/wal`, sealer: vault.sealer })
    const payloads = new Map<number, Uint8Array>()
    for await (const { index, payload } of wal.entries()) payloads.set(index, payload)
    return new BlockReader({
      disk,
      ring: this.#ring(),
      origin: ORIGIN,
      epochDirectory: EPOCH,
      unpacked: async (index) => payloads.get(index),
    })
  }
}

function readRecord(record: OpenedRecord | undefined, index: number, leaf: Uint8Array): ReadRecord {
  const kind = kindOfCode(record?.kind ?? 0)
  if (kind === undefined || record?.index !== index) throw new Error(`entry ${index} is no record`)
  const { sections } = record
  const committed = encodeLeaf(nodeSha256, sections)
  if (!Buffer.from(committed).equals(leaf)) throw new Error(`entry ${index} is not its leaf`)
  checkSections(
    kind,
    sections.map(({ id }) => id),
  )
  const read: { [name in SectionName]?: Section } = {}
  const keyIds: { [name in SectionName]?: string } = {}
  for (const { id, keyId, open, fault } of sections) {
    if (open === undefined) throw new Error(`section ${id} of ${index}`, { cause: fault })
    const name = sectionName(id as Parameters<typeof sectionName>[0])
    read[name] = parseSection(id as Parameters<typeof parseSection>[0], kind, open.bytes)
    keyIds[name] = Buffer.from(keyId).toString('hex')
    if (name === 'when') parseWhen(open.bytes)
  }
  const when = read.when as When
  if (when.kind !== kind) throw new Error(`entry ${index} is of two kinds`)
  return { index, kind, when, sections: read, keyIds, leaf }
}

/** What the pair rules say of these records. */
export function pairViolations(records: readonly ReadRecord[]): readonly PairViolation[] {
  const checker = new PairChecker({ epoch: 1, sha256: nodeSha256 })
  return records.flatMap(({ index, when, sections }) => {
    const act = sections.what as CheckedRecord['act']
    const how = sections.how as CheckedRecord['how']
    return checker.add({ index, when, act, how })
  })
}

import { encodeLeaf, KINDS, sectionDigest } from '@countersign/evidence'
import type { LeafIndex } from '@countersign/tlog'
import {
  type Entry,
  type Ledger,
  LedgerError,
  LedgerKeeper,
  type LedgerOptions,
  type TroubleListener,
} from '../../packages/gateway/src/ledger/index.ts'
import {
  type Clock,
  type Disk,
  nodeSha256,
  type SeededRandom,
} from '../../packages/gateway/src/platform/index.ts'
import {
  encodePayload,
  type PayloadSection,
  type SealKey,
  type Vault,
} from '../../packages/gateway/src/vault/index.ts'
import { assembleLedger, openVault, type World } from './assembly.ts'
import { type Machine, watchedDisk } from './machine.ts'
import { type Attempt, type Model, Violation } from './model.ts'
import type { PlantedBug } from './planted.ts'
import type { Swarm } from './swarm.ts'

export const DATA = '/data'

export interface GatewayOptions {
  readonly machine: Machine
  readonly swarm: Swarm
  readonly model: Model
  readonly planted?: PlantedBug | undefined
}

interface Made {
  readonly keeper: LedgerKeeper
  readonly vault: Vault
  readonly parts: LedgerOptions
  readonly poisoned: Set<number>
}

/** The ledger's and the vault's real code as one process, told on by a watched disk. */
export class Gateway {
  readonly keeper: LedgerKeeper
  readonly #vault: Vault
  readonly #parts: LedgerOptions
  readonly #options: GatewayOptions
  #ledger: Ledger | undefined
  readonly #poisoned: Set<number>
  readonly incarnations: Ledger[] = []
  #writing = 0

  private constructor(options: GatewayOptions, made: Made) {
    this.#options = options
    this.keeper = made.keeper
    this.#vault = made.vault
    this.#parts = made.parts
    this.#poisoned = made.poisoned
  }

  static async start(options: GatewayOptions): Promise<Gateway> {
    const { machine } = options
    // Incarnations that met a failed write or flush of the write-ahead log.
    const poisoned = new Set<number>()
    let gateway: Gateway | undefined
    const disk = watchedDisk(machine.disk, {
      failed: (path, operation) => {
        const isFlush = operation === 'write' || operation === 'sync'
        const incarnation = gateway?.incarnations.at(-1)?.incarnation
        if (isFlush && path.includes('/wal/') && incarnation !== undefined)
          poisoned.add(incarnation)
      },
      writing: (path, change) => {
        if (gateway !== undefined && path.includes('/wal/')) gateway.#writing += change
      },
    })
    const world = worldOf(options, disk)
    const vault = await openVault(world)
    const parts = assembleLedger(world, vault)
    const keeper = await LedgerKeeper.start(parts)
    gateway = new Gateway(options, { keeper, vault, parts, poisoned })
    return gateway
  }

  get isWriting(): boolean {
    return this.#writing > 0
  }

  /** Whether any instance met a failed flush of the write-ahead log. */
  get isPoisoned(): boolean {
    return this.#poisoned.size > 0
  }

  /** Listens to the open ledger and to those that follow it. */
  begin(onIncarnation: (ledger: Ledger) => void, onTrouble: TroubleListener): void {
    this.keeper.onIncarnation((ledger) => {
      this.#ledger = ledger
      this.incarnations.push(ledger)
      onIncarnation(ledger)
    })
    this.keeper.onTrouble(onTrouble)
    const { model } = this.#options
    this.keeper.onPublished(({ size, root }) => model.show(size, root))
  }

  /** Appends an entry; the model learns what the caller learns, when the caller does. */
  async append(how: Pick<Entry, 'opens' | 'closes'>, to?: Ledger): Promise<Attempt> {
    const { model, machine } = this.#options
    const { settled, ...made } = this.#entry(machine.random, machine.clock)
    const entry = { ...made, ...how }
    const attempt = model.submit(entry)
    try {
      const index = await (to ?? this.keeper).append(entry)
      this.#checkInstance(index)
      model.acknowledge(attempt, index)
      settled()
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error
      attempt.refused = error.code
    }
    return attempt
  }

  /** Starts a second one where this one runs. */
  async startSecond(): Promise<LedgerKeeper> {
    return LedgerKeeper.start(this.#parts)
  }

  /** After one failed flush nothing is acknowledged by the instance that met it. */
  #checkInstance(index: LeafIndex): void {
    const incarnation = this.#ledger?.incarnation ?? 0
    if (!this.#poisoned.has(incarnation)) return
    const what = `incarnation ${incarnation} acknowledged ${index} after a failed write`
    throw new Violation('a failed flush is final for its instance', what)
  }

  /** A record of two sections, one of them a person's, as the recorder makes them. */
  #entry(random: SeededRandom, clock: Clock) {
    const nowUs = clock.nowUs()
    const person = { issuer: 'simulation', id: `person ${random.below(4)}` }
    const ledger = this.#vault.ledgerKey(nowUs)
    const keys = [ledger, this.#vault.subjectKey(person, nowUs)]
    const recordId = random.bytes(16)
    const sections = keys.map((key, at) => sectionOf(random, recordId, key, at + 1))
    const payload = encodePayload({
      kind: KINDS.intent.code,
      recordId,
      ledgerKeyId: ledger.id,
      sections,
      rows: keys.flatMap(({ row }) => row ?? []),
    })
    const settled = (): void => {
      for (const key of keys) key.markDurable()
    }
    return { leaf: encodeLeaf(nodeSha256, sections), payload, settled }
  }
}

function sectionOf(
  random: SeededRandom,
  recordId: Uint8Array,
  key: SealKey,
  id: number,
): PayloadSection {
  const bytes = Buffer.from(JSON.stringify({ seen: random.uint32(), more: random.uint32() }))
  const [salt = new Uint8Array(0)] = key.salts(recordId, 1)
  return { id, bytes, keyId: key.id, digest: sectionDigest(nodeSha256, { id, salt, bytes }) }
}

function worldOf({ machine, swarm, planted }: GatewayOptions, watched: Disk): World {
  const { clock, lock, random, claims } = machine
  const { segmentEntriesMax, segmentBytesMax, preallocateBytes, publishEveryMs } = swarm
  return {
    disk: planted?.ledgerDisk?.(watched) ?? watched,
    integrationDisk: planted?.integrationDisk?.(watched) ?? watched,
    clock,
    lock,
    random,
    claim: claims.claim,
    data: DATA,
    publishEveryMs,
    limits: { segmentEntriesMax, segmentBytesMax, preallocateBytes, segmentAgeMsMax: 3_600_000 },
  }
}

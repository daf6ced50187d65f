import {
  diskConfigSchema,
  type Ledger,
  LedgerKeeper,
  type LedgerOptions,
  type SpaceFacts,
  SpaceWatch,
  type TroubleListener,
} from '../../packages/gateway/src/ledger/index.ts'
import { type Disk, roomyDisk } from '../../packages/gateway/src/platform/index.ts'
import { Recorder, RecorderError } from '../../packages/gateway/src/recorder/index.ts'
import type { Vault } from '../../packages/gateway/src/vault/index.ts'
import { assembleLedger, EPOCH, ORIGIN, openVault, type World } from './assembly.ts'
import { SimulatedBodies } from './bodies.ts'
import type { Hits } from './coverage.ts'
import { type Machine, watchedDisk } from './machine.ts'
import { type Model, Violation } from './model.ts'
import type { PlantedBug } from './planted.ts'
import type { Swarm } from './swarm.ts'
import { watchedKeeper } from './watched-keeper.ts'

export const DATA = '/data'

export interface GatewayOptions {
  readonly machine: Machine
  readonly swarm: Swarm
  readonly model: Model
  readonly hits: Hits
  readonly planted?: PlantedBug | undefined
  readonly onIncarnation: (gateway: Gateway, ledger: Ledger) => void
  readonly onTrouble: TroubleListener
  /** Takes what must not happen. */
  readonly fail: (error: unknown) => void
}

/** The recorder's, the ledger's and the vault's real code as one process. */
export class Gateway {
  readonly keeper: LedgerKeeper
  readonly recorder: Recorder
  readonly incarnations: Ledger[] = []
  /** Requests that were answered with ledger-unavailable: `gap` records must tell how many. */
  turnedAway = 0
  readonly #parts: LedgerOptions
  readonly #options: GatewayOptions
  readonly #writes: Writes
  readonly #room: Room
  readonly bodies: SimulatedBodies | undefined

  private constructor(options: GatewayOptions, made: Made) {
    this.#options = options
    this.keeper = made.keeper
    this.#parts = made.parts
    this.#writes = made.writes
    this.#room = made.room
    this.bodies = made.bodies
    this.recorder = this.#makeRecorder(made.vault)
  }

  /** Resolves when it would serve: the first records of the first incarnation are durable. */
  static async start(options: GatewayOptions): Promise<Gateway> {
    const writes = new Writes()
    const watched = watchedDisk(options.machine.disk, writes)
    const room = new Room(options)
    await room.open(watched)
    try {
      const world = worldOf(options, room.roomy(watched))
      const vault = await openVault(world)
      const parts = assembleLedger(world, vault)
      const keeper = await LedgerKeeper.start(parts)
      const bodies = await openBodies(options, watched, keeper)
      const gateway = new Gateway(options, { keeper, vault, parts, writes, room, bodies })
      gateway.#listen()
      gateway.relax()
      await gateway.recorder.start()
      bodies?.settle()
      room.tell = (facts) => gateway.#recordSpace(facts)
      return gateway
    } catch (cause) {
      await room.close()
      throw cause
    }
  }

  /** As a configuration says that comes into force: with these bounds, others, or none. */
  relax(): void {
    const { machine, swarm } = this.#options
    if (swarm.relaxed === 0) return
    const { recordsMax, windowMs } = swarm
    const bounds = machine.random.pick([
      { recordsMax, windowMs },
      { recordsMax, windowMs: 400 },
    ])
    this.recorder.windows.use(machine.random.chance(0.1) ? undefined : bounds)
  }

  /** Whether this request's route is relaxed. */
  get isRelaxed(): boolean {
    const { machine, swarm } = this.#options
    return machine.random.chance(swarm.relaxed)
  }

  /** Whether a body of this request is captured. */
  get captures(): boolean {
    const { machine, swarm } = this.#options
    return swarm.captured > 0 && machine.random.chance(swarm.captured)
  }

  get isWriting(): boolean {
    return this.#writes.underWay > 0
  }

  /** Whether any instance met a failed flush of the write-ahead log. */
  get isPoisoned(): boolean {
    return this.#writes.poisoned.size > 0
  }

  /** The newest instance of the ledger. */
  get ledger(): Ledger | undefined {
    return this.incarnations.at(-1)
  }

  /** Starts a second one where this one runs. */
  async startSecond(): Promise<LedgerKeeper> {
    return LedgerKeeper.start(this.#parts)
  }

  /** Settles what is owed, records the stop, publishes, gives everything back. */
  async stop(): Promise<void> {
    try {
      await this.recorder.stop('asked to stop')
    } catch (error) {
      // Nothing can be recorded now: the next start will tell of an interruption.
      if (!(error instanceof RecorderError)) throw error
    }
    await this.keeper.close()
    await this.#room.close()
  }

  /** As the program does: what cannot be recorded now is offered again when it is looked at. */
  async #recordSpace({ level, freeBytes, totalBytes, reserveBytes }: SpaceFacts): Promise<void> {
    try {
      const facts = { act: 'space', level, freeBytes, totalBytes, reserveBytes } as const
      await this.recorder.act('system', facts)
    } catch (error) {
      if (!(error instanceof RecorderError)) throw error
    }
  }

  #listen(): void {
    const { model, onIncarnation, onTrouble } = this.#options
    this.keeper.onIncarnation((ledger) => {
      this.incarnations.push(ledger)
      this.#writes.incarnation = ledger.incarnation
      model.recoveries.set(ledger.incarnation, ledger.recovery)
      model.risk.endLife()
      onIncarnation(this, ledger)
    })
    this.keeper.onTrouble(onTrouble)
    this.keeper.onPublished(({ size, root }) => model.show(size, root))
  }

  #makeRecorder(vault: Vault): Recorder {
    const { machine, swarm, model, hits, planted, fail } = this.#options
    const { clock, random } = machine
    const watched = watchedKeeper(this.keeper, {
      model,
      hits,
      fail,
      nowMs: () => clock.ticksMs(),
      acknowledged: (incarnation) => this.#checkInstance(incarnation),
    })
    return new Recorder({
      keeper: planted?.recorderKeeper?.(watched) ?? watched,
      vault,
      clock: planted?.recorderClock?.(clock) ?? clock,
      random,
      epoch: EPOCH,
      origin: ORIGIN,
      vkeys: this.#parts.signer.vkeys,
      gateway: 'simulated',
      version: '0.0.0',
      runtime: 'simulation',
      heartbeatMs: swarm.heartbeatMs,
      bodies: this.bodies?.store,
      onFault: fail,
    })
  }

  /** After one failed flush nothing is acknowledged by the instance that met it. */
  #checkInstance(incarnation: number): void {
    if (!this.#writes.poisoned.has(incarnation)) return
    const what = `incarnation ${incarnation} acknowledged after a failed write`
    throw new Violation('a failed flush is final for its instance', what)
  }
}

interface Made {
  readonly keeper: LedgerKeeper
  readonly vault: Vault
  readonly parts: LedgerOptions
  readonly writes: Writes
  readonly room: Room
  readonly bodies: SimulatedBodies | undefined
}

/** Bodies never draw on the reserve. */
async function openBodies(
  { machine, swarm, planted }: GatewayOptions,
  watched: Disk,
  keeper: LedgerKeeper,
): Promise<SimulatedBodies | undefined> {
  if (swarm.captured === 0) return undefined
  try {
    const disk = planted?.bodiesDisk?.(watched) ?? watched
    return await SimulatedBodies.open(disk, machine.random.fork(), DATA)
  } catch (cause) {
    await keeper.close()
    throw cause
  }
}

/** The reserve of a run that keeps one. */
class Room {
  tell: (facts: SpaceFacts) => Promise<void> = async () => undefined
  readonly #options: GatewayOptions
  #watch: SpaceWatch | undefined
  #last: SpaceFacts | undefined

  constructor(options: GatewayOptions) {
    this.#options = options
  }

  async open(disk: Disk): Promise<void> {
    const { machine, swarm } = this.#options
    const { reserveBytes } = swarm
    if (reserveBytes === 0) return
    const sizes = { warnFreeBytes: 0, warnFreePercent: 0, refuseFreeBytes: 0 }
    this.#watch = await SpaceWatch.open({
      disk,
      clock: machine.clock,
      random: machine.random.fork(),
      data: DATA,
      config: diskConfigSchema.parse({ reserveBytes, ...sizes }),
      onLook: (facts) => this.#look(facts),
      // The disk fails as it is told to: the reserve is for the next look then.
      onFault: () => undefined,
    })
  }

  roomy(disk: Disk): Disk {
    const watch = this.#watch
    return watch === undefined ? disk : roomyDisk(disk, () => watch.makeRoom())
  }

  async close(): Promise<void> {
    await this.#watch?.close()
  }

  #look(facts: SpaceFacts): void {
    const last = this.#last
    this.#last = facts
    if (last === undefined) return
    const { hits, fail } = this.#options
    if (facts.reserveBytes < last.reserveBytes) hits.add('reserve: given back')
    if (facts.reserveBytes > last.reserveBytes) hits.add('reserve: taken again')
    if (facts.level === last.level) return
    this.tell(facts).catch(fail)
  }
}

/** What the watched disk tells of the write-ahead log. */
class Writes {
  underWay = 0
  /** The one that writes now. */
  incarnation: number | undefined
  /** Incarnations that met a failed write or flush. */
  readonly poisoned = new Set<number>()

  failed(path: string, operation: string): void {
    const isFlush = operation === 'write' || operation === 'sync'
    if (!isFlush || !path.includes('/wal/') || this.incarnation === undefined) return
    this.poisoned.add(this.incarnation)
  }

  writing(path: string, change: 1 | -1): void {
    if (path.includes('/wal/')) this.underWay += change
  }
}

function worldOf({ machine, swarm, planted }: GatewayOptions, watched: Disk): World {
  const { clock, lock, random, claims } = machine
  const { segmentEntriesMax, segmentBytesMax, preallocateBytes } = swarm
  const { publishEveryMs, backlogEntriesMax } = swarm
  return {
    disk: planted?.ledgerDisk?.(watched) ?? watched,
    integrationDisk: planted?.integrationDisk?.(watched) ?? watched,
    clock,
    lock,
    random,
    claim: claims.claim,
    data: DATA,
    publishEveryMs,
    backlogEntriesMax,
    limits: { segmentEntriesMax, segmentBytesMax, preallocateBytes, segmentAgeMsMax: 3_600_000 },
  }
}

import type { BoundSocket } from 'node:net'
import type { Approvals, BreakGlass, Standing } from '../../approval/index.ts'
import type { Authenticators } from '../../identity/index.ts'
import type { QuotaStore } from '../../limits/index.ts'
import { type ReadyChange, windowBounds } from '../../proxy/index.ts'
import type { Recorder } from '../../recorder/index.ts'
import type { Metrics, WorkerFacts } from '../../telemetry/index.ts'
import type { UpstreamView } from '../../upstream/index.ts'
import { type DataPlaneNeeds, isSameIdentity, openLoggedQuotas } from '../data-plane.ts'
import type { Machine } from '../machine.ts'
import { certificateEnds } from '../open-acme.ts'
import { type IdentityNeeds, type OpenIdentity, openIdentity } from '../open-identity.ts'
import { EPOCH } from '../open-secrets.ts'
import type { Prepared } from '../prepare.ts'
import { bindSocket } from '../process/sockets.ts'
import { ProofMemory } from '../proof-memory.ts'
import type { FromGateway, ListeningWords, WorkerBeginning } from './messages.ts'
import { onceATurn } from './once-a-turn.ts'
import { placesOf, wordsOfPrepared } from './prepared-words.ts'
import { QuotaNames } from './quota-desk.ts'
import { Turns } from './turns.ts'
import { summedViews } from './upstream-views.ts'
import { WorkerSeat } from './worker-seat.ts'

/** How often the workers are told whether there is room on the disk, where that has changed. */
const SPACE_EVERY_MS = 100
/** How much longer than exchanges may take a worker may take to end. */
const STOP_GRACE_MS = 10_000

export interface WorkersNeeds extends Omit<DataPlaneNeeds, 'recorder' | 'telemetry'> {
  readonly recorder: Recorder
  readonly telemetry: Metrics
  readonly approvals: Approvals
  readonly breakGlass: BreakGlass
}

/**
 * Several processes that serve requests, on the same sockets. This one keeps what they share: the
 * ledger and its keys, quotas, measures, the configuration. One that dies is ended on record and
 * started again; the others go on.
 */
export class WorkersPlane {
  readonly #machine: Machine
  readonly #needs: WorkersNeeds & IdentityNeeds
  readonly #quotaStore: QuotaStore
  readonly #quotaNames: QuotaNames
  readonly #turns = new Turns()
  readonly #bound: readonly BoundSocket[]
  readonly #seats: readonly WorkerSeat[]
  #current: Prepared
  #identity: OpenIdentity
  #addresses: ListeningWords = []
  #change = 0
  #isScarce = false
  #isClosed = false

  private constructor(parts: {
    readonly first: Prepared
    readonly machine: Machine
    readonly needs: WorkersNeeds & IdentityNeeds
    readonly identity: OpenIdentity
    readonly quotaStore: QuotaStore
    readonly sockets: ReadonlyMap<string, number>
    readonly bound: readonly BoundSocket[]
  }) {
    const { first, machine, needs, quotaStore, sockets } = parts
    this.#current = first
    this.#machine = machine
    this.#needs = needs
    this.#identity = parts.identity
    this.#quotaStore = quotaStore
    this.#quotaNames = new QuotaNames(first.config.quotas)
    this.#bound = parts.bound
    const shared = { ...needs, clock: machine.clock, quotaStore, sockets, turns: this.#turns }
    const quotaNames = this.#quotaNames
    const beginning = (): Omit<WorkerBeginning, 'sockets' | 'worker'> => this.#beginning()
    this.#seats = Array.from({ length: first.config.workers }, (_, at) => {
      return new WorkerSeat({ ...shared, quotaNames, beginning, worker: at + 1 })
    })
  }

  /** Starts all of them, or none. */
  static async open(first: Prepared, machine: Machine, given: WorkersNeeds): Promise<WorkersPlane> {
    await using parts = new AsyncDisposableStack()
    const proofMemory = new ProofMemory(machine)
    const needs = { ...given, proofMemory, onTrustChange: () => undefined }
    const identity = await openIdentity(first.config, machine, needs)
    parts.defer(() => identity.close())
    const quotaStore = await openLoggedQuotas(first.config, machine, needs.log)
    parts.defer(() => quotaStore.close())
    const { sockets, bound } = await holdListeners(first)
    parts.defer(() => closeAll(bound))
    const made = { first, machine, needs, identity, quotaStore, sockets, bound }
    const plane = new WorkersPlane(made)
    await plane.#start()
    parts.move()
    return plane
  }

  /** Who is asked about callers of the control plane. */
  get authenticators(): Authenticators {
    return this.#identity.authenticators
  }

  get upstreams(): readonly UpstreamView[] {
    return summedViews(this.#seats.map(({ views }) => views))
  }

  get certificates(): ReturnType<typeof certificateEnds> {
    return certificateEnds(this.#current.listeners)
  }

  get addresses(): ListeningWords {
    return this.#addresses
  }

  get workers(): readonly WorkerFacts[] {
    return this.#seats.map(({ facts }) => facts)
  }

  get isServing(): boolean {
    return this.#seats.some(({ facts }) => facts.isServing)
  }

  /** Asks every worker to get ready: all of them are, or nothing changes. */
  async ready(next: Prepared): Promise<ReadyChange> {
    if (placesOf(next.config) !== placesOf(this.#current.config)) {
      const message = 'listeners: with several workers their addresses cannot change: restart'
      throw new Error(message)
    }
    const giveBack = await this.#turns.take()
    try {
      const change = await this.#ready(next)
      return {
        apply: () => {
          change.apply()
          giveBack()
        },
        abandon: () => change.abandon().finally(giveBack),
      }
    } catch (error) {
      giveBack()
      throw error
    }
  }

  /** Lets what is going on end, in all of them. */
  async close(): Promise<void> {
    this.#isClosed = true
    // Another process may hold them on; where none does, nobody is to wait here for ever.
    closeAll(this.#bound)
    const { stopMs } = this.#current.config.limits
    await Promise.all(this.#seats.map((seat) => seat.stop(stopMs + STOP_GRACE_MS)))
    await this.#quotaStore.close()
    await this.#identity.close()
  }

  async #start(): Promise<void> {
    const { containment, approvals, breakGlass, recorder } = this.#needs
    recorder.windows.use(windowBounds(this.#current.config))
    containment.onChange(onceATurn(() => this.#tell(['measures', this.#measures()])))
    const tellStanding = onceATurn(() => this.#tell(['standing', this.#standing()]))
    approvals.onChange(tellStanding)
    breakGlass.onChange(tellStanding)
    const started = await Promise.allSettled(this.#seats.map((seat) => seat.start()))
    const failed = started.find((each) => each.status === 'rejected')
    if (failed !== undefined) {
      await Promise.all(this.#seats.map((seat) => seat.stop(STOP_GRACE_MS)))
      throw failed.reason
    }
    const [first] = started
    if (first?.status === 'fulfilled') this.#addresses = first.value
    this.#tellSpace()
  }

  async #ready(next: Prepared): Promise<ReadyChange> {
    const isKept = isSameIdentity(this.#current, next)
    const { loginMemories } = this.#identity
    const identity = isKept
      ? this.#identity
      : await openIdentity(next.config, this.#machine, this.#needs, loginMemories)
    this.#change += 1
    const token = this.#change
    const lives = this.#seats.flatMap(({ life }) => life ?? [])
    const words = wordsOfPrepared(next)
    const problems = await Promise.all(
      lives.map((life) => life.ready(token, ['prepare', token, words])),
    )
    const tell = (row: FromGateway): void => {
      for (const life of lives) life.send(row)
    }
    const abandon = async (): Promise<void> => {
      tell(['abandon', token])
      if (!isKept) await identity.close()
    }
    const problem = problems.find((each) => each !== undefined)
    if (problem !== undefined) {
      await abandon()
      throw new Error(problem)
    }
    return {
      abandon,
      apply: () => {
        const former = this.#identity
        this.#quotaNames.replace(next.config.quotas)
        this.#current = next
        this.#identity = identity
        this.#needs.recorder.windows.use(windowBounds(next.config))
        tell(['apply', token])
        // Grants of a template that is gone are none, until it is there again.
        tell(['standing', this.#standing()])
        this.#background(former.withdrawLogins(identity.loginMemories))
        if (!isKept) this.#background(former.close())
      },
    }
  }

  #beginning(): Omit<WorkerBeginning, 'sockets' | 'worker'> {
    const { origin, isSpaceScarce } = this.#needs
    return {
      origin,
      epoch: EPOCH,
      prepared: wordsOfPrepared(this.#current),
      measures: this.#measures(),
      standing: this.#standing(),
      isSpaceScarce: isSpaceScarce(),
    }
  }

  #measures(): string {
    return JSON.stringify(this.#needs.containment.list())
  }

  /** Only what decisions see: what is asked for or over is the gateway's own. */
  #standing(): string {
    const { approvals, breakGlass } = this.#needs
    const standing: Standing = {
      grants: [...approvals.granted()],
      active: [...breakGlass.active()],
    }
    return JSON.stringify(standing)
  }

  #tell(row: FromGateway): void {
    for (const seat of this.#seats) seat.send(row)
  }

  #tellSpace(): void {
    const isScarce = this.#needs.isSpaceScarce()
    if (isScarce !== this.#isScarce) this.#tell(['space', isScarce])
    this.#isScarce = isScarce
    if (this.#isClosed) return
    this.#machine.clock.after(SPACE_EVERY_MS, () => this.#tellSpace())
  }

  #background(work: Promise<void>): void {
    work.catch((error: unknown) => this.#needs.log.error({ err: error }, 'former configuration'))
  }
}

/** A socket for each listener: one that was handed over, or one that is bound here. */
async function holdListeners({ listeners }: Prepared): Promise<{
  readonly sockets: ReadonlyMap<string, number>
  readonly bound: readonly BoundSocket[]
}> {
  const sockets = new Map<string, number>()
  const bound: BoundSocket[] = []
  try {
    for (const { descriptor, ...listener } of listeners) {
      if (descriptor !== undefined) {
        sockets.set(listener.name, descriptor)
        continue
      }
      const socket = await bindSocket(listener)
      bound.push(socket)
      sockets.set(listener.name, socket.fd())
    }
    return { sockets, bound }
  } catch (cause) {
    closeAll(bound)
    throw cause
  }
}

function closeAll(bound: readonly BoundSocket[]): void {
  for (const socket of bound) socket.close()
}

import type { BoundSocket } from 'node:net'
import type { Approvals, BreakGlass } from '../../approval/index.ts'
import { type Authenticators, NONCE_KEY_BYTES, type SessionFacts } from '../../identity/index.ts'
import type { QuotaStore } from '../../limits/index.ts'
import { type ReadyChange, windowBounds } from '../../proxy/index.ts'
import type { Recorder } from '../../recorder/index.ts'
import type { Metrics, WorkerFacts } from '../../telemetry/index.ts'
import type { UpstreamView } from '../../upstream/index.ts'
import { type DataPlaneNeeds, isSameIdentity, openLoggedQuotas } from '../data-plane.ts'
import type { Machine } from '../machine.ts'
import { certificateEnds, ObtainedCertificates } from '../open-acme.ts'
import { type IdentityNeeds, type OpenIdentity, openIdentity } from '../open-identity.ts'
import { EPOCH } from '../open-secrets.ts'
import type { Prepared } from '../prepare.ts'
import { bindSocket } from '../process/sockets.ts'
import { ProofMemory } from '../proof-memory.ts'
import type { FromGateway, ListeningWords, LoginWords, WorkerBeginning } from './messages.ts'
import { placesOf, wordsOfPrepared } from './prepared-words.ts'
import { QuotaNames } from './quota-desk.ts'
import { Told } from './told.ts'
import { Turns } from './turns.ts'
import { summedViews } from './upstream-views.ts'
import { type SeatParts, WorkerSeat } from './worker-seat.ts'

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
  readonly #obtained: ObtainedCertificates
  readonly #told: Told
  readonly #nonceSecret: Uint8Array
  #current: Prepared
  #identity: OpenIdentity
  #addresses: ListeningWords = []
  #change = 0

  private constructor(parts: {
    readonly first: Prepared
    readonly machine: Machine
    readonly needs: WorkersNeeds & IdentityNeeds
    readonly identity: OpenIdentity
    readonly quotaStore: QuotaStore
    readonly obtained: ObtainedCertificates
    readonly nonceSecret: Uint8Array
    readonly sockets: ReadonlyMap<string, number>
    readonly bound: readonly BoundSocket[]
  }) {
    const { first, machine, needs, quotaStore, sockets } = parts
    this.#current = first
    this.#machine = machine
    this.#needs = needs
    this.#identity = parts.identity
    this.#quotaStore = quotaStore
    this.#obtained = parts.obtained
    this.#nonceSecret = parts.nonceSecret
    this.#told = new Told({ ...needs, ...machine, obtained: parts.obtained }, (row) => {
      for (const seat of this.#seats) seat.send(row)
    })
    this.#quotaNames = new QuotaNames(first.config.quotas)
    this.#bound = parts.bound
    const shared = { ...needs, clock: machine.clock, quotaStore, sockets, turns: this.#turns }
    const quotaNames = this.#quotaNames
    const beginning = (): Omit<WorkerBeginning, 'sockets' | 'worker'> => this.#beginning()
    const session: SeatParts['session'] = (login, key) => this.#useSession(login, key)
    const answerOwn: SeatParts['answerOwn'] = async (request) =>
      (await this.#identity.answer(request)) ?? needs.answerOwn(request)
    const own = { ...shared, quotaNames, beginning, session, answerOwn }
    this.#seats = Array.from({ length: first.config.workers }, (_, at) => {
      return new WorkerSeat({ ...own, worker: at + 1 })
    })
  }

  /** Starts all of them, or none. */
  static async open(first: Prepared, machine: Machine, given: WorkersNeeds): Promise<WorkersPlane> {
    await using parts = new AsyncDisposableStack()
    const nonceSecret = machine.random.bytes(NONCE_KEY_BYTES)
    const proofMemory = new ProofMemory(machine, nonceSecret)
    const needs = { ...given, proofMemory, onTrustChange: () => undefined }
    const identity = await openIdentity(first.config, machine, needs)
    parts.defer(() => identity.close())
    const quotaStore = await openLoggedQuotas(first.config, machine, needs.log)
    parts.defer(() => quotaStore.close())
    const obtained = new ObtainedCertificates(machine, needs)
    parts.defer(() => obtained.close())
    const certificates = await obtained.ready(first.config)
    const { sockets, bound } = await holdListeners(first)
    parts.defer(() => closeAll(bound))
    const made = {
      first,
      machine,
      needs,
      identity,
      quotaStore,
      obtained,
      nonceSecret,
      sockets,
      bound,
    }
    const plane = new WorkersPlane(made)
    await plane.#start()
    certificates.apply()
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
    const { listeners } = this.#current
    return certificateEnds(listeners.map((listener) => this.#obtained.fill(listener)))
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
    // Another process may hold them on; where none does, nobody is to wait here for ever.
    closeAll(this.#bound)
    this.#told.close()
    await this.#obtained.close()
    const { stopMs } = this.#current.config.limits
    await Promise.all(this.#seats.map((seat) => seat.stop(stopMs + STOP_GRACE_MS)))
    await this.#quotaStore.close()
    await this.#identity.close()
  }

  async #start(): Promise<void> {
    this.#needs.recorder.windows.use(windowBounds(this.#current.config))
    this.#told.start()
    this.#followSessions(this.#identity)
    const started = await Promise.allSettled(this.#seats.map((seat) => seat.start()))
    const failed = started.find((each) => each.status === 'rejected')
    if (failed !== undefined) {
      this.#told.close()
      await Promise.all(this.#seats.map((seat) => seat.stop(STOP_GRACE_MS)))
      throw failed.reason
    }
    const [first] = started
    if (first?.status === 'fulfilled') this.#addresses = first.value
  }

  async #ready(next: Prepared): Promise<ReadyChange> {
    await using parts = new AsyncDisposableStack()
    const isKept = isSameIdentity(this.#current, next)
    const { loginMemories } = this.#identity
    const identity = isKept
      ? this.#identity
      : await openIdentity(next.config, this.#machine, this.#needs, loginMemories)
    if (!isKept) parts.defer(() => identity.close())
    const certificates = await this.#obtained.ready(next.config)
    parts.defer(() => certificates.abandon())
    this.#told.tellCertificates() // Before what is to be ready with them.
    this.#change += 1
    const token = this.#change
    const lives = this.#seats.flatMap(({ life }) => life ?? [])
    const tell = (row: FromGateway): void => {
      for (const life of lives) life.send(row)
    }
    parts.defer(() => tell(['abandon', token]))
    const words = wordsOfPrepared(next)
    const readied = lives.map((life) =>
      life.ready(token, ['prepare', token, words, loginWords(identity)]),
    )
    const problem = (await Promise.all(readied)).find((each) => each !== undefined)
    if (problem !== undefined) throw new Error(problem)
    const unused = parts.move()
    return {
      abandon: () => unused.disposeAsync(),
      apply: () => {
        const former = this.#identity
        this.#quotaNames.replace(next.config.quotas)
        this.#current = next
        this.#identity = identity
        this.#followSessions(identity)
        this.#needs.recorder.windows.use(windowBounds(next.config))
        tell(['apply', token])
        certificates.apply()
        // Grants of a template that is gone are none, until it is there again.
        this.#told.tellStanding()
        this.#background(former.withdrawLogins(identity.loginMemories))
        if (!isKept) this.#background(former.close())
      },
    }
  }

  #beginning(): Omit<WorkerBeginning, 'sockets' | 'worker'> {
    const { origin } = this.#needs
    const prepared = wordsOfPrepared(this.#current)
    const secrets = { logins: loginWords(this.#identity), nonceSecret: this.#nonceSecret }
    return { origin, epoch: EPOCH, prepared, ...secrets, ...this.#told.words() }
  }

  #followSessions({ loginMemories }: OpenIdentity): void {
    for (const { sessions } of loginMemories.values()) {
      sessions.onEnd((key) => this.#told.tellEnded(key))
    }
  }

  #useSession(login: string, key: string): SessionFacts | undefined {
    const memory = this.#identity.loginMemories.values().find(({ name }) => name === login)
    const session = memory?.sessions.useOf(key, this.#machine.clock.nowUs())
    if (session === undefined) return undefined
    const { id, principal, untilUs, authenticatedAtUs, mfaAtUs } = session
    return { id, principal, untilUs, authenticatedAtUs, mfaAtUs }
  }

  #background(work: Promise<void>): void {
    work.catch((error: unknown) => this.#needs.log.error({ err: error }, 'former configuration'))
  }
}

function loginWords({ loginMemories }: OpenIdentity): LoginWords {
  return Array.from(loginMemories, ([config, { states }]) => [config, states.key] as const)
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

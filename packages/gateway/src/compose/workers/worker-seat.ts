import type { Logger } from 'pino'
import type { Approvals } from '../../approval/index.ts'
import type { SessionFacts } from '../../identity/index.ts'
import type { QuotaStore } from '../../limits/index.ts'
import type { Clock, Timer } from '../../platform/index.ts'
import type { OwnHandler } from '../../proxy/index.ts'
import type { Recorder } from '../../recorder/index.ts'
import type { Metrics, WorkerFacts } from '../../telemetry/index.ts'
import type { UpstreamView } from '../../upstream/index.ts'
import { ApprovalDesk, isOfApprovals } from './approval-desk.ts'
import { BodyDesk, isOfBodies } from './body-desk.ts'
import type { FromGateway, FromWorker, ListeningWords, WorkerBeginning } from './messages.ts'
import { QuotaDesk, type QuotaNames } from './quota-desk.ts'
import { RecordDesk } from './record-desk.ts'
import { isOfRecords } from './record-rows.ts'
import type { Turns } from './turns.ts'
import { WorkerLife } from './worker-life.ts'

const BACKOFF_MS_MIN = 100
const BACKOFF_MS_MAX = 10_000
/** Who has served for so long has not crashed at its start. */
const STEADY_MS = 10_000
/** A worker tells twice a second what it has counted: one that is silent for so long hangs. */
const LOOK_EVERY_MS = 2000
const SILENT_LOOKS_MAX = 5
/** While it starts it says nothing, and somebody waits for it: twenty seconds. */
const STARTING_LOOKS_MAX = 10

export interface SeatParts {
  readonly worker: number
  readonly clock: Clock
  readonly log: Logger
  readonly recorder: Recorder
  readonly telemetry: Pick<Metrics, 'add'>
  readonly answerOwn: OwnHandler
  readonly approvals: Approvals
  /** Uses a session of a login, by its key. */
  readonly session: (login: string, key: string) => SessionFacts | undefined
  readonly quotaStore: QuotaStore
  readonly quotaNames: QuotaNames
  readonly sockets: ReadonlyMap<string, number>
  /** Held while one starts: what it starts with does not change meanwhile. */
  readonly turns: Turns
  readonly beginning: () => Omit<WorkerBeginning, 'sockets' | 'worker'>
}

/** Where one life of a worker is served. */
interface Desks {
  readonly records: RecordDesk
  readonly quotas: QuotaDesk
  readonly approvals: ApprovalDesk
  readonly bodies: BodyDesk
}

/** One worker, through all of its lives. */
export class WorkerSeat {
  readonly #parts: SeatParts
  #life: WorkerLife | undefined
  #over: Promise<void> = Promise.resolve()
  #views: readonly UpstreamView[] = []
  #isServing = false
  #isStopping = false
  #lost = 0
  #requests = 0
  #backoffMs = BACKOFF_MS_MIN
  #retry: Timer | undefined

  constructor(parts: SeatParts) {
    this.#parts = parts
  }

  get facts(): WorkerFacts {
    const { worker } = this.#parts
    const requests = this.#requests
    return { worker, isServing: this.#isServing, requests, lost: this.#lost }
  }

  get views(): readonly UpstreamView[] {
    return this.#views
  }

  /** The process that there is now. */
  get life(): WorkerLife | undefined {
    return this.#life
  }

  send(row: FromGateway): void {
    this.#life?.send(row)
  }

  /** Resolves with where it listens; rejects where it cannot serve, and it is not tried again. */
  async start(): Promise<ListeningWords> {
    const { life, over } = this.#begin()
    try {
      return await life.serving
    } catch (cause) {
      this.#isStopping = true
      life.kill()
      await over
      throw cause
    }
  }

  /** Lets what is going on end, for so long at most. */
  async stop(withinMs: number): Promise<void> {
    this.#isStopping = true
    this.#retry?.cancel()
    const life = this.#life
    life?.send(['stop'])
    const deadline = this.#parts.clock.after(withinMs, () => life?.kill())
    await this.#over
    deadline.cancel()
  }

  #begin(): { readonly life: WorkerLife; readonly over: Promise<void> } {
    const { clock, sockets, beginning, worker, log } = this.#parts
    const desks = this.#desks((row) => life.send(row))
    const active = { accepted: 0, ended: 0 }
    let silentLooks = 0
    const life = new WorkerLife({
      clock,
      sockets,
      beginning: { ...beginning(), worker },
      onFault: (fault) => log.error({ worker, err: fault }, 'worker-garbled'),
      hear: (row) => {
        silentLooks = 0
        if (row[0] === 'counts') this.#count(row, active)
        else this.#hear(row, desks, life)
      },
    })
    this.#life = life
    let isOver = false
    const look = (): void => {
      if (isOver) return
      silentLooks += 1
      if (silentLooks > (this.#isServing ? SILENT_LOOKS_MAX : STARTING_LOOKS_MAX)) {
        log.error({ worker, pid: life.pid }, 'worker-silent')
        life.kill()
      }
      clock.after(LOOK_EVERY_MS, look)
    }
    look()
    const startedMs = clock.ticksMs()
    life.serving.then(
      () => {
        silentLooks = 0
        this.#isServing = true
      },
      () => undefined, // Its end is told.
    )
    this.#over = life.ended.then(async (cause) => {
      isOver = true
      this.#isServing = false
      desks.quotas.close()
      await desks.bodies.close()
      await this.#settle(life, desks.records, cause, active)
      if (clock.ticksMs() - startedMs > STEADY_MS) this.#backoffMs = BACKOFF_MS_MIN
      if (!this.#isStopping) this.#startLater()
    })
    return { life, over: this.#over }
  }

  /** What a life has left open is ended before the next one begins. */
  async #settle(
    life: WorkerLife,
    records: RecordDesk,
    cause: string,
    active: { readonly accepted: number; readonly ended: number },
  ): Promise<void> {
    const { log, telemetry, worker } = this.#parts
    // One that was not told to stop may say so with exchanges open.
    if (life.hasStopped && this.#isStopping) return
    this.#lost += 1
    log.error({ worker, pid: life.pid, cause }, 'worker-lost')
    try {
      const interrupted = await records.endAll(cause, () => this.#isStopping)
      const outcomes = [['interrupted', interrupted]] as const
      telemetry.add({ ...NOTHING_COUNTED, ended: active.accepted - active.ended, outcomes })
    } catch (fault) {
      log.error({ worker, err: fault }, 'what a lost worker left open')
    }
  }

  #startLater(): void {
    const { clock, turns, worker, log } = this.#parts
    const backoffMs = this.#backoffMs
    this.#backoffMs = Math.min(BACKOFF_MS_MAX, backoffMs * 2)
    this.#retry = clock.after(backoffMs, () => {
      void turns.take().then(async (giveBack) => {
        try {
          if (this.#isStopping) return
          const { life } = this.#begin()
          await life.serving
          log.info({ worker, pid: life.pid }, 'worker serves')
        } catch (cause) {
          log.error({ worker, err: cause }, 'worker cannot serve')
        } finally {
          giveBack()
        }
      })
    })
  }

  #desks(answer: (row: FromGateway) => void): Desks {
    const { recorder, clock, worker, beginning, approvals } = this.#parts
    const { quotaStore: store, quotaNames: names } = this.#parts
    const { epoch } = beginning()
    const bodies = new BodyDesk({ recorder, answer })
    return {
      bodies,
      records: new RecordDesk({ recorder, clock, epoch, worker, bodies, answer }),
      quotas: new QuotaDesk({ store, names, answer }),
      approvals: new ApprovalDesk({ approvals, answer }),
    }
  }

  #hear(row: FromWorker, desks: Desks, life: WorkerLife): void {
    const { records, quotas, approvals, bodies } = desks
    if (row[0] === 'take') void quotas.take(row[1], row[2], row[3])
    else if (row[0] === 'release') quotas.release(row[1])
    else if (row[0] === 'renew') quotas.renew(row[1])
    else if (row[0] === 'session') this.#useSession(row, life)
    else if (row[0] === 'own') void this.#answerOwn(row, life)
    else if (isOfRecords(row)) records.take(row)
    else if (isOfApprovals(row)) void approvals.take(row)
    else if (isOfBodies(row)) void bodies.take(row)
    else throw new Error(`a worker says ${row[0]}`)
  }

  #count(
    [, counts, views]: Extract<FromWorker, readonly ['counts', ...unknown[]]>,
    active: { accepted: number; ended: number },
  ): void {
    active.accepted += counts.accepted
    active.ended += counts.ended
    this.#requests += counts.accepted
    this.#views = views
    this.#parts.telemetry.add(counts)
  }

  #useSession(
    [, place, login, key]: Extract<FromWorker, readonly ['session', ...unknown[]]>,
    life: WorkerLife,
  ): void {
    life.send(['session', place, this.#parts.session(login, key)])
  }

  async #answerOwn(
    [, place, url, method, fields, form]: Extract<FromWorker, readonly ['own', ...unknown[]]>,
    life: WorkerLife,
  ): Promise<void> {
    try {
      const { answerOwn } = this.#parts
      const headers = fields.map(([name, value]): [string, string] => [name, value])
      const body = form === undefined ? null : Buffer.from(form)
      const response = await answerOwn(new Request(url, { method, headers, body }))
      const answer = new Uint8Array(await response.arrayBuffer())
      life.send(['owned', place, response.status, [...response.headers], answer])
    } catch (error) {
      life.send(['refused', place, 'OWN_FAILED', String(error)])
    }
  }
}

const NOTHING_COUNTED = {
  accepted: 0,
  ended: 0,
  intents: 0,
  own: 0,
  outcomes: [],
  refusals: [],
  requests: [],
  upstreams: [],
}

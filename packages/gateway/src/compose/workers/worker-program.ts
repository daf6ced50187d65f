import { join } from 'node:path'
import type { Logger } from 'pino'
import { Followed } from '../../approval/index.ts'
import { Containment, parseMeasures } from '../../containment/index.ts'
import { openStatementKeys } from '../../identity/index.ts'
import type { ReadyChange } from '../../proxy/index.ts'
import { Counts } from '../../telemetry/index.ts'
import { DataPlane } from '../data-plane.ts'
import type { Machine } from '../machine.ts'
import { openTracing } from '../open-telemetry.ts'
import { operationalLog } from '../operational-log.ts'
import { Asker } from './asker.ts'
import { type Pipe, RowSender, rowReader } from './channel.ts'
import { FollowedCertificates } from './followed-certificates.ts'
import type { FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import type { Answer, FromGateway, FromWorker, Order, WorkerBeginning } from './messages.ts'
import { preparedOf } from './prepared-words.ts'
import { readFromGateway, writeFromWorker } from './wire.ts'
import { workerApprovals } from './worker-approvals.ts'
import { WorkerLogins } from './worker-logins.ts'
import { workerQuotas } from './worker-quotas.ts'
import { WorkerRecorder } from './worker-recorder.ts'

/** How often a worker tells what it has counted, though nobody asks. */
const TELL_EVERY_MS = 500

const ANSWERS = [
  'recorded',
  'done',
  'session',
  'begun',
  'sealed',
  'waits',
  'used',
  'refused',
  'taken',
  'owned',
]

function isAnswer(row: FromGateway): row is Answer {
  return ANSWERS.includes(row[0])
}

/** The process of a worker, as far as it matters here. */
export interface WorkerProcess extends Pipe {
  /** Ends the process; what is on its way to the gateway arrives. */
  leave(): void
}

/**
 * A process that serves requests and keeps nothing: records, quotas, measures and answers about
 * the log are the gateway's, which it asks. None of the ledger's keys is in its memory.
 */
export class WorkerProgram {
  readonly #machine: Machine
  readonly #process: WorkerProcess
  readonly #sender: RowSender<FromWorker>
  readonly #reader: FrameReader
  readonly #asker: Asker
  readonly #counts = new Counts()
  readonly #changes = new Map<number, ReadyChange>()
  #sockets: ReadonlyMap<string, number> = new Map()
  readonly #approvals = new Followed()
  readonly #certificates = new FollowedCertificates()
  readonly #logins: WorkerLogins
  #containment: Containment | undefined
  #plane: DataPlane | undefined
  #closeTracing: () => Promise<void> = async () => undefined
  /** As the gateway told them last, JSON: more may come while the worker begins. */
  #measures = '[]'
  #isSpaceScarce = false

  constructor(machine: Machine, process: WorkerProcess) {
    this.#machine = machine
    this.#process = process
    const { clock } = machine
    const writer = new FrameWriter('utf8')
    this.#sender = new RowSender({ pipe: process, clock, writer, write: writeFromWorker })
    const send = (row: FromWorker): void => this.#sender.send(row)
    this.#asker = new Asker({ send, ticksMs: () => clock.ticksMs() })
    this.#logins = new WorkerLogins({ asker: this.#asker, random: machine.random })
    const hear = (row: FromGateway): void => this.#hear(row)
    this.#reader = rowReader(readFromGateway, hear, Number.POSITIVE_INFINITY)
  }

  /** Bytes of the gateway, as they come. */
  hear(bytes: Uint8Array): void {
    this.#reader.push(bytes)
  }

  #hear(row: FromGateway): void {
    if (isAnswer(row)) this.#asker.answer(row)
    else this.#obey(row)
  }

  #obey(order: Order): void {
    if (order[0] === 'begin') this.#background(this.#begin(order[1]))
    else if (order[0] === 'prepare') this.#background(this.#prepare(...order))
    else if (order[0] === 'apply') this.#apply(order[1])
    else if (order[0] === 'abandon') this.#background(this.#abandon(order[1]))
    else if (order[0] === 'measures') this.#follow(order[1])
    else if (order[0] === 'standing') this.#approvals.follow(order[1])
    else if (order[0] === 'certificates') this.#certificates.follow(order[1])
    else if (order[0] === 'ended') this.#logins.end(order[1])
    else if (order[0] === 'space') this.#isSpaceScarce = order[1]
    else if (order[0] === 'tell') this.#tellCounts()
    else this.#background(this.#stop())
  }

  async #begin(beginning: WorkerBeginning): Promise<void> {
    try {
      this.#sockets = new Map(beginning.sockets)
      this.#isSpaceScarce = beginning.isSpaceScarce
      this.#measures = beginning.measures
      this.#approvals.follow(beginning.standing)
      this.#certificates.follow(beginning.certificates)
      this.#logins.expect(beginning.logins)
      const plane = await this.#open(beginning)
      this.#plane = plane
      this.#sender.send(['serving', plane.addresses])
      this.#tellLater()
    } catch (error) {
      this.#sender.send(['failed', String(error)])
    }
  }

  async #open(beginning: WorkerBeginning): Promise<DataPlane> {
    const { origin, epoch, worker } = beginning
    const prepared = preparedOf(beginning.prepared, this.#sockets)
    const { config } = prepared
    const { clock, random, disk } = this.#machine
    const log: Logger = operationalLog(config.log.level).child({ worker })
    const containment = await this.#openContainment()
    this.#containment = containment
    this.#follow(this.#measures)
    const asker = this.#asker
    const directory = join(config.data, 'keys')
    const { tracing, close } = await openTracing(config, this.#machine, log)
    this.#closeTracing = close
    return DataPlane.open(prepared, this.#machine, {
      recorder: new WorkerRecorder({ clock, random, epoch, origin, asker }),
      containment,
      approvals: workerApprovals(asker, this.#approvals),
      breakGlass: this.#approvals,
      obtained: this.#certificates,
      followedLogins: this.#logins,
      nonceSecret: beginning.nonceSecret,
      quotaStore: workerQuotas(asker),
      answerOwn: (request) => this.#answerOwn(request),
      origin,
      statementKeys: await openStatementKeys({ disk, random, directory }),
      log,
      telemetry: this.#counts,
      tracing,
      isFollower: true,
      isSpaceScarce: () => this.#isSpaceScarce,
      ledgerLagMs: () => asker.oldestMs,
    })
  }

  /** Quarantine as the gateway has it: nothing of it is kept, recorded or ended here. */
  #openContainment(): Promise<Containment> {
    const { clock, random } = this.#machine
    const nothing = async (): Promise<void> => undefined
    return Containment.open({
      clock,
      random,
      store: { load: async () => [], put: nothing, remove: nothing },
      recorder: { act: nothing, actant: () => ({ subject: '' }) },
      onFault: () => undefined, // Nothing is done that could fail.
    })
  }

  #follow(measures: string): void {
    this.#measures = measures
    this.#containment?.follow(parseMeasures(measures))
  }

  async #answerOwn(request: Request): Promise<Response> {
    const { url, method } = request
    const fields = [...request.headers]
    const form = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer())
    const answer = await this.#asker.ask((place) => ['own', place, url, method, fields, form])
    if (answer[0] !== 'owned') throw new Error(`nothing is answered for ${url}`)
    const [, , status, answered, body] = answer
    const init = {
      status,
      headers: answered.map(([name, value]): [string, string] => [name, value]),
    }
    return new Response(body.length === 0 ? null : Buffer.from(body), init)
  }

  async #prepare(
    ...[, token, words, logins]: Extract<Order, readonly ['prepare', ...unknown[]]>
  ): Promise<void> {
    this.#logins.expect(logins)
    try {
      if (this.#plane === undefined) throw new Error('the worker does not serve yet')
      this.#changes.set(token, await this.#plane.ready(preparedOf(words, this.#sockets)))
      this.#sender.send(['ready', token, undefined])
    } catch (error) {
      this.#sender.send(['ready', token, String(error)])
    }
  }

  #apply(token: number): void {
    this.#changes.get(token)?.apply()
    this.#changes.delete(token)
  }

  async #abandon(token: number): Promise<void> {
    const change = this.#changes.get(token)
    this.#changes.delete(token)
    await change?.abandon()
  }

  #tellLater(): void {
    this.#machine.clock.after(TELL_EVERY_MS, () => {
      this.#tellCounts()
      this.#tellLater()
    })
  }

  #tellCounts(): void {
    this.#sender.send(['counts', this.#counts.take(), this.#plane?.upstreams ?? []])
  }

  async #stop(): Promise<void> {
    await this.#plane?.close()
    await this.#closeTracing()
    this.#tellCounts()
    this.#sender.send(['stopped'])
    this.#sender.flush()
    this.#process.leave()
  }

  /** A bug: the process ends, and the gateway starts another. */
  #background(work: Promise<void>): void {
    work.catch((error: unknown) => {
      process.nextTick(() => {
        throw error
      })
    })
  }
}

import { join } from 'node:path'
import type { Logger } from 'pino'
import { Containment, parseMeasures } from '../../containment/index.ts'
import { openStatementKeys } from '../../identity/index.ts'
import type { ReadyChange } from '../../proxy/index.ts'
import { Counts } from '../../telemetry/index.ts'
import { DataPlane } from '../data-plane.ts'
import type { Machine } from '../machine.ts'
import { openTracing } from '../open-telemetry.ts'
import { operationalLog } from '../operational-log.ts'
import { type Pipe, RowChannel } from './channel.ts'
import type { Answer, Asking, FromGateway, FromWorker, Order, WorkerBeginning } from './messages.ts'
import { type PreparedWords, preparedOf } from './prepared-words.ts'
import { Waiting } from './waiting.ts'
import { workerQuotas } from './worker-quotas.ts'
import { WorkerRecorder } from './worker-recorder.ts'

/** How often a worker tells what it has counted, though nobody asks. */
const TELL_EVERY_MS = 500

const ANSWERS = ['recorded', 'done', 'refused', 'taken', 'owned']

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
  readonly #channel: RowChannel<FromWorker>
  readonly #waiting: Waiting<Answer>
  readonly #counts = new Counts()
  readonly #changes = new Map<number, ReadyChange>()
  #sockets: ReadonlyMap<string, number> = new Map()
  #containment: Containment | undefined
  #plane: DataPlane | undefined
  /** As the gateway told them last, JSON: more may come while the worker begins. */
  #measures = '[]'
  #isSpaceScarce = false

  constructor(machine: Machine, process: WorkerProcess) {
    this.#machine = machine
    this.#process = process
    this.#channel = new RowChannel({ pipe: process, clock: machine.clock })
    this.#waiting = new Waiting(() => machine.clock.ticksMs())
  }

  /** Rows of one message, in their order. */
  hear(rows: readonly FromGateway[]): void {
    for (const row of rows) this.#hear(row)
  }

  #hear(row: FromGateway): void {
    if (isAnswer(row)) this.#waiting.answer(row[1], row)
    else this.#obey(row)
  }

  #obey(order: Order): void {
    if (order[0] === 'begin') this.#background(this.#begin(order[1]))
    else if (order[0] === 'prepare') this.#background(this.#prepare(order[1], order[2]))
    else if (order[0] === 'apply') this.#apply(order[1])
    else if (order[0] === 'abandon') this.#background(this.#abandon(order[1]))
    else if (order[0] === 'measures') this.#follow(order[1])
    else if (order[0] === 'space') this.#isSpaceScarce = order[1]
    else if (order[0] === 'tell') this.#tellCounts()
    else this.#background(this.#stop())
  }

  async #begin(beginning: WorkerBeginning): Promise<void> {
    try {
      this.#sockets = new Map(beginning.sockets)
      this.#isSpaceScarce = beginning.isSpaceScarce
      this.#measures = beginning.measures
      const plane = await this.#open(beginning)
      this.#plane = plane
      this.#channel.send(['serving', plane.addresses])
      this.#tellLater()
    } catch (error) {
      this.#channel.send(['failed', String(error)])
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
    const ask = (row: (place: number) => Asking): Promise<Answer> => this.#ask(row)
    const tell = (row: FromWorker): void => this.#channel.send(row)
    const directory = join(config.data, 'keys')
    const { tracing } = await openTracing(config, this.#machine, log)
    return DataPlane.open(prepared, this.#machine, {
      recorder: new WorkerRecorder({ clock, random, epoch, origin, ask }),
      containment,
      quotaStore: workerQuotas({ ask, tell }),
      answerOwn: (request) => this.#answerOwn(request),
      origin,
      statementKeys: await openStatementKeys({ disk, random, directory }),
      log,
      telemetry: this.#counts,
      tracing,
      isFollower: true,
      isSpaceScarce: () => this.#isSpaceScarce,
      ledgerLagMs: () => this.#waiting.oldestMs,
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

  #ask(row: (place: number) => Asking): Promise<Answer> {
    return new Promise((answered) => this.#channel.send(row(this.#waiting.add(answered))))
  }

  async #answerOwn({ url, method, headers }: Request): Promise<Response> {
    const fields = [...headers]
    const answer = await this.#ask((place) => ['own', place, url, method, fields])
    if (answer[0] !== 'owned') throw new Error(`nothing is answered for ${url}`)
    const [, , status, answered, body] = answer
    const init = {
      status,
      headers: answered.map(([name, value]): [string, string] => [name, value]),
    }
    return new Response(body.length === 0 ? null : Buffer.from(body), init)
  }

  async #prepare(token: number, words: PreparedWords): Promise<void> {
    try {
      if (this.#plane === undefined) throw new Error('the worker does not serve yet')
      this.#changes.set(token, await this.#plane.ready(preparedOf(words, this.#sockets)))
      this.#channel.send(['ready', token, undefined])
    } catch (error) {
      this.#channel.send(['ready', token, String(error)])
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
    this.#channel.send(['counts', this.#counts.take(), this.#plane?.upstreams ?? []])
  }

  async #stop(): Promise<void> {
    await this.#plane?.close()
    this.#tellCounts()
    this.#channel.send(['stopped'])
    this.#channel.flush()
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

import { type ChildProcess, spawn } from 'node:child_process'
import { Socket } from 'node:net'
import type { Clock } from '../../platform/index.ts'
import { programFile } from '../program-files.ts'
import { RowSender, rowReader } from './channel.ts'
import { FrameWriter } from './frame-writer.ts'
import type {
  FromGateway,
  FromWorker,
  ListeningWords,
  Telling,
  WorkerBeginning,
} from './messages.ts'
import { socketPipe } from './socket-pipe.ts'
import { readFromWorker, writeFromGateway } from './wire.ts'

/** The first descriptor that a child is given beside the standard ones. */
const FIRST_DESCRIPTOR = 3

export interface WorkerLifeOptions {
  readonly clock: Clock
  /** Listening sockets of this process, by the names of their listeners. */
  readonly sockets: ReadonlyMap<string, number>
  readonly beginning: Omit<WorkerBeginning, 'sockets'>
  /** Whatever it asks and tells but what its beginning and changes come to. */
  readonly hear: (row: FromWorker) => void
  /** It says what makes no sense, and is ended for it. */
  readonly onFault: (fault: unknown) => void
}

/** One process of a worker, from its start to its end. */
export class WorkerLife {
  readonly #process: ChildProcess
  readonly #sender: RowSender<FromGateway>
  readonly #hear: (row: FromWorker) => void
  readonly #onFault: (fault: unknown) => void
  /** Resolves when it serves, with where it listens; rejects where it cannot, or ends before. */
  readonly serving: Promise<ListeningWords>
  /** Resolves with what the machine says of its end. */
  readonly ended: Promise<string>
  readonly #serving = Promise.withResolvers<ListeningWords>()
  readonly #readying = new Map<number, (problem: string | undefined) => void>()
  #hasStopped = false
  #hasEnded = false

  constructor({ clock, sockets, beginning, hear, onFault }: WorkerLifeOptions) {
    this.#onFault = onFault
    const handed = [...sockets]
    this.#hear = hear
    this.serving = this.#serving.promise
    const place = FIRST_DESCRIPTOR + handed.length
    this.#process = spawn(
      process.execPath,
      [...process.execArgv, programFile('data-plane-worker'), `${place}`],
      { stdio: ['ignore', 'inherit', 'inherit', ...handed.map(([, fd]) => fd), 'pipe'] },
    )
    const child = this.#process
    const socket = channelOf(child, place)
    const pipe = socketPipe(socket, { onFull: () => this.#fault('it does not read') })
    const writer = new FrameWriter('latin1')
    this.#sender = new RowSender({ pipe, clock, writer, write: writeFromGateway })
    const reader = rowReader(readFromWorker, (row) => this.#one(row))
    socket.on('data', (bytes: Buffer) => {
      try {
        reader.push(bytes)
      } catch (fault) {
        socket.removeAllListeners('data').resume()
        this.#fault(fault)
      }
    })
    this.ended = endOf(child, socket)
    void this.ended.then((cause) => this.#end(cause))
    // Whoever awaits it is told; where nobody does, its end is.
    this.serving.catch(() => undefined)
    const words = handed.map(([name], at) => [name, FIRST_DESCRIPTOR + at] as const)
    this.#sender.send(['begin', { ...beginning, sockets: words }])
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** It ended because it was told to, with everything done. */
  get hasStopped(): boolean {
    return this.#hasStopped
  }

  send(row: FromGateway): void {
    this.#sender.send(row)
  }

  /** Asks it to get ready for a change; undefined: it is. */
  ready(token: number, row: FromGateway): Promise<string | undefined> {
    if (this.#hasEnded) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      this.#readying.set(token, resolve)
      this.#sender.send(row)
    })
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  /** Whatever a worker says, the others go on. */
  #fault(fault: unknown): void {
    this.#onFault(fault)
    this.kill()
  }

  #one(row: FromWorker): void {
    if (row[0] === 'serving') this.#serving.resolve(row[1])
    else if (row[0] === 'failed') {
      this.#serving.reject(new Error(row[1]))
      this.kill()
    } else if (row[0] === 'ready') this.#answered(row)
    else if (row[0] === 'stopped') this.#hasStopped = true
    else this.#hear(row)
  }

  #answered([, token, problem]: Extract<Telling, readonly ['ready', ...unknown[]]>): void {
    this.#readying.get(token)?.(problem)
    this.#readying.delete(token)
  }

  /** One that is gone is started again with what is in force then: it holds nobody up. */
  #end(cause: string): void {
    this.#hasEnded = true
    this.#serving.reject(new Error(`it ended before it served: ${cause}`))
    for (const resolve of this.#readying.values()) resolve(undefined)
    this.#readying.clear()
  }
}

/** The socket that is the child's descriptor of that number. */
function channelOf(child: ChildProcess, descriptor: number): Socket {
  // There is none where the machine lets no process begin: then that is told.
  const given = child.stdio?.[descriptor]
  const socket = given instanceof Socket ? given : new Socket().destroy()
  // Its end says all there is to say; what it had not said yet was promised to nobody.
  return socket.on('error', () => undefined)
}

/** When it is no more, and what it said before was heard. */
async function endOf(child: ChildProcess, channel: Socket): Promise<string> {
  const heard = new Promise<void>((resolve) => void channel.once('close', () => resolve()))
  const cause = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(String(error)))
    child.once('exit', (code, signal) => resolve(signal ?? `exit ${code}`))
  })
  if (child.pid !== undefined) await heard
  return cause
}

import { type ChildProcess, spawn } from 'node:child_process'
import type { SuperviseOptions } from '../../cli/index.ts'
import { systemClock } from '../../platform/index.ts'
import { readConfig } from '../read-config.ts'
import { type Descriptor, readDescriptors } from './descriptors.ts'
import { notifierOf, PREPARED, supervisedEnvironment, type Told } from './notifier.ts'
import { holdSockets } from './sockets.ts'

/** Longer than any gateway takes to stop: it is killed by whoever lost patience, not by us. */
const WAIT_SECONDS = '86400'
const BACKOFF_MS_MIN = 100
const BACKOFF_MS_MAX = 10_000
/** Who has served for so long has not crashed at its start. */
const STEADY_MS = 10_000

/** One life of a gateway. */
interface Life {
  readonly process: ChildProcess
  readonly ended: Promise<number>
  readonly startedMs: number
  /** It has read its files, and listens to signals. */
  isPrepared: boolean
  /** It is told to read its files again once it listens. */
  isToReload: boolean
}

/**
 * Runs a gateway in a process of its own and keeps its sockets open, so that nobody is refused
 * while one gateway takes the other's place. Resolves with the exit code of the last one.
 */
export async function supervise(options: SuperviseOptions): Promise<number> {
  const { config } = await readConfig(options.configPath)
  const sockets = await holdSockets(config, readDescriptors(process.env, process))
  return new Supervisor(options, sockets).run()
}

class Supervisor {
  readonly #options: SuperviseOptions
  readonly #sockets: readonly Descriptor[]
  readonly #clock = systemClock()
  readonly #notifier = notifierOf(process.env, process)
  /** The one that serves, or that is to serve next. */
  #current: Life
  /** Prepares itself while `#current` serves on. */
  #next: Life | undefined
  #hasServed = false
  #stopping: NodeJS.Signals | undefined
  #endPause: () => void = () => undefined
  #backoffMs = BACKOFF_MS_MIN

  constructor(options: SuperviseOptions, sockets: readonly Descriptor[]) {
    this.#options = options
    this.#sockets = sockets
    this.#current = this.#begin()
  }

  async run(): Promise<number> {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => this.#stop(signal))
    }
    process.on('SIGHUP', () => this.#reload(this.#current))
    process.on('SIGUSR2', () => this.#replace())
    for (;;) {
      const life = this.#current
      const code = await life.ended
      if (this.#current !== life) continue
      // What has never served is wrong from the start: whoever started us is to know.
      if (this.#stopping !== undefined || (!this.#hasServed && this.#next === undefined)) {
        await this.#notifier.close()
        return code
      }
      await this.#goOn(life, code)
    }
  }

  /** The sockets are open still: who comes meanwhile waits for the next one. */
  async #goOn(life: Life, code: number): Promise<void> {
    if (this.#next !== undefined) {
      this.#current = this.#next
      this.#next = undefined
      return
    }
    this.#say(`countersign: the gateway ended with ${code}: the next one starts`)
    if (this.#clock.ticksMs() - life.startedMs > STEADY_MS) this.#backoffMs = BACKOFF_MS_MIN
    const backoffMs = this.#backoffMs
    this.#backoffMs = Math.min(BACKOFF_MS_MAX, backoffMs * 2)
    await this.#pause(backoffMs)
    // Asked to stop meanwhile: the one that has ended is the last.
    if (this.#stopping === undefined) this.#current = this.#begin()
    else this.#current = { ...life, ended: Promise.resolve(0) }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Before it listens the signal would end it. */
  #reload(life: Life): void {
    if (life.isPrepared) life.process.kill('SIGHUP')
    else life.isToReload = true
  }

  /** The next one gets ready, all but for the data; only then is the one that serves stopped. */
  #replace(): void {
    if (this.#stopping !== undefined || this.#next !== undefined) return
    const next = this.#begin()
    this.#next = next
    void next.ended.then((code) => {
      if (this.#next !== next) return
      this.#next = undefined
      if (this.#stopping !== undefined) return
      this.#say(`countersign: the next gateway ended with ${code}: the former one goes on`)
    })
  }

  #stop(signal: NodeJS.Signals): void {
    if (this.#stopping === undefined) this.#notifier.tell(['STOPPING=1'])
    this.#stopping = signal
    this.#next?.process.kill('SIGKILL')
    this.#current.process.kill(signal)
    this.#endPause()
  }

  #begin(): Life {
    const { configPath, json } = this.#options
    const args = ['start', '--config', configPath, '--wait', WAIT_SECONDS]
    if (json) args.push('--json')
    const program = process.argv[1] ?? ''
    const child = spawn(process.execPath, [...process.execArgv, program, ...args], {
      stdio: ['ignore', 'inherit', 'inherit', ...this.#sockets.map(({ fd }) => fd), 'ipc'],
      env: {
        ...supervisedEnvironment(process.env),
        LISTEN_FDS: String(this.#sockets.length),
        LISTEN_FDNAMES: this.#sockets.map(({ name }) => name).join(':'),
        COUNTERSIGN_LISTEN_PARENT: String(process.pid),
      },
    })
    const ended = new Promise<number>((resolve) => {
      child.once('error', () => resolve(-1))
      // One that did not listen yet is ended by the signal itself, and had nothing to let end.
      child.once('exit', (code, by) => resolve(code ?? (by === this.#stopping ? 0 : -1)))
    })
    const startedMs = this.#clock.ticksMs()
    const life = { process: child, ended, startedMs, isPrepared: false, isToReload: false }
    child.on('message', (message) => this.#hear(life, message))
    return life
  }

  /** What a gateway says of itself goes on to whoever started us, of the one that serves. */
  #hear(life: Life, message: unknown): void {
    const { told } = message as { readonly told: Told }
    if (told[0] === PREPARED) {
      life.isPrepared = true
      if (life.isToReload) life.process.kill('SIGHUP')
      // From here on nothing but the data is missing to it.
      if (life === this.#next) this.#current.process.kill('SIGTERM')
      return
    }
    if (told[0] === 'READY=1') this.#hasServed = true
    if (told[0] === 'STOPPING=1' || life !== this.#current) return
    // systemd watches from the first time that it is ready to the time that it is to end.
    const isWatched = this.#hasServed && this.#stopping === undefined
    if (told[0] === 'WATCHDOG=1' && !isWatched) return
    this.#notifier.tell(told)
  }

  #say(text: string): void {
    this.#options.terminal.err(`${text}\n`)
  }
}

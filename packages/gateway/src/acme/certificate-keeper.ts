import type { Clock, Random, Timer } from '../platform/index.ts'
import type { AcmeConfig } from './acme-config.ts'
import { AcmeError } from './acme-error.ts'
import { covers, type HeldCertificate } from './certificate.ts'
import type { CertificateStore } from './certificate-store.ts'
import type { Pair } from './pending-challenges.ts'
import { backOffMs, renewalMs } from './schedule.ts'

/** A wall clock may jump: no timer looks further ahead than this. */
const LOOK_MS_MAX = 3_600_000

/** What there is to tell of a listener's certificate. */
export interface CertificateEvent {
  readonly act: 'loaded' | 'obtained' | 'renewed' | 'failed'
  /** The one that is told of; where it failed, the one that stays in use. */
  readonly held: HeldCertificate | undefined
  readonly previous: HeldCertificate | undefined
  readonly problem?: string
  /** Milliseconds since 1970. */
  readonly retryMs?: number
}

export interface CertificateKeeperParts {
  readonly listener: string
  readonly config: AcmeConfig
  readonly clock: Clock
  readonly random: Random
  readonly store: CertificateStore
  /** One order. Throws AcmeError. */
  readonly order: (config: AcmeConfig, signal: AbortSignal) => Promise<HeldCertificate>
  /** Throws what TLS has against it: its chain was not looked at yet. */
  readonly check: (pair: Pair) => void
  /** Durable when it resolves: nothing that is not on record comes into use. */
  readonly record: (event: CertificateEvent, config: AcmeConfig) => Promise<void>
  /** `held` is another one now. */
  readonly use: () => void
  /** What goes wrong and is not on record. */
  readonly onFault: (fault: unknown) => void
}

/** Keeps one listener's certificate: uses what there is, and asks for the next in time. */
export class CertificateKeeper {
  readonly #parts: CertificateKeeperParts
  #config: AcmeConfig
  #held: HeldCertificate | undefined
  #failures = 0
  #timer: Timer | undefined
  /** Drawn once for each certificate. */
  #chance = 0
  readonly #closing = new AbortController()
  #working: Promise<void> | undefined

  constructor(parts: CertificateKeeperParts) {
    this.#parts = parts
    this.#config = parts.config
  }

  /** In use; undefined before the first was obtained. */
  get held(): HeldCertificate | undefined {
    return this.#held
  }

  /** Reads what is kept, and records it. A file that is of no use is as if it were not there. */
  async load(): Promise<void> {
    const { store, listener, record, onFault } = this.#parts
    let held: HeldCertificate | undefined
    try {
      held = await store.certificate(listener)
      if (held !== undefined) this.#check(held)
    } catch (fault) {
      return onFault(fault)
    }
    if (held === undefined) return
    await record({ act: 'loaded', held, previous: undefined }, this.#config)
    this.#held = held
  }

  /** From here on it asks for what is needed. */
  start(): void {
    this.#chance = chanceOf(this.#parts.random)
    this.#look(this.#dueMs())
  }

  /** Goes by another configuration: other names are asked for at once. */
  adopt(config: AcmeConfig): void {
    if (JSON.stringify(config) === JSON.stringify(this.#config)) return
    this.#config = config
    this.#failures = 0
    if (this.#working === undefined) this.#look(this.#dueMs())
  }

  /** Asks for nothing more; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#timer?.cancel()
    await this.#working
  }

  /** One that is due as soon as it is issued must not be asked for without end. */
  #planNext(): void {
    const { clock, random } = this.#parts
    this.#chance = chanceOf(random)
    this.#look(Math.max(this.#dueMs(), nowMs(clock) + this.#config.retry.minMs))
  }

  /** When the next one is to be asked for, if all goes well. */
  #dueMs(): number {
    const held = this.#held
    if (held === undefined || !covers(held, this.#config.domains)) return 0
    return renewalMs(held, this.#config, this.#chance)
  }

  #look(atMs: number): void {
    const { clock } = this.#parts
    const waitMs = Math.min(LOOK_MS_MAX, Math.max(0, atMs - nowMs(clock)))
    this.#wait(waitMs, () => {
      if (nowMs(clock) < atMs) this.#look(atMs)
      else this.#begin()
    })
  }

  #wait(waitMs: number, run: () => void): void {
    if (this.#closing.signal.aborted) return
    this.#timer?.cancel()
    this.#timer = this.#parts.clock.after(waitMs, run)
  }

  #begin(): void {
    this.#working = this.#renew()
      .catch(this.#parts.onFault)
      .finally(() => {
        this.#working = undefined
      })
  }

  async #renew(): Promise<void> {
    const { listener, order, store, record, use, onFault } = this.#parts
    const previous = this.#held
    const config = this.#config
    let held: HeldCertificate
    try {
      held = await order(config, this.#closing.signal)
      this.#check(held)
      const act = previous === undefined ? 'obtained' : 'renewed'
      await record({ act, held, previous }, config)
    } catch (fault) {
      return this.#failed(fault)
    }
    this.#held = held
    this.#failures = 0
    try {
      use()
    } catch (fault) {
      onFault(fault)
    }
    // On a disk that takes nothing it is good until the process ends, and asked for again then.
    await store.keepCertificate(listener, held.pair).catch(onFault)
    this.#planNext()
  }

  /** One that no handshake can show is of no use, whatever names it is good for. */
  #check({ pair }: HeldCertificate): void {
    try {
      this.#parts.check(pair)
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause)
      throw new AcmeError('ACME_CERTIFICATE', `TLS does not take it: ${said}`, { cause })
    }
  }

  /** What was in use stays in use. */
  async #failed(fault: unknown): Promise<void> {
    if (this.#closing.signal.aborted) return
    const { clock, random, record, onFault } = this.#parts
    this.#failures += 1
    const waitMs = backOffMs(this.#failures, this.#config, chanceOf(random))
    const retryMs = nowMs(clock) + waitMs
    if (!(fault instanceof AcmeError)) onFault(fault)
    const problem = fault instanceof AcmeError ? `${fault.code} ${fault.message}` : String(fault)
    const held = this.#held
    const event = { act: 'failed', held, previous: held, problem, retryMs } as const
    await record(event, this.#config).catch(onFault)
    this.#wait(waitMs, () => this.#begin())
  }
}

function nowMs(clock: Clock): number {
  return clock.nowUs() / 1000
}

/** From 0 to 1. */
function chanceOf(random: Random): number {
  const [high = 0, low = 0] = random.bytes(2)
  return (high * 256 + low) / 65_536
}

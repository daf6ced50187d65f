import type { LeafIndex } from '@countersign/tlog'
import type { Entry, Ledger } from '../../packages/gateway/src/ledger/index.ts'
import type { Covered, Hits } from './coverage.ts'
import type { Gateway } from './gateway.ts'
import type { Machine } from './machine.ts'
import type { Attempt, Model } from './model.ts'

type How = Pick<Entry, 'opens' | 'closes'>

const UPSTREAM_MS_MAX = 300
const RETRY_MS = 1_000
const TAG_BYTES = 16

const REFUSALS: Readonly<Record<string, Covered>> = {
  LEDGER_UNAVAILABLE: 'refused: unavailable',
  LEDGER_FULL: 'refused: full',
  LEDGER_DEAD: 'refused: dead',
}

export interface ClientsOptions {
  readonly machine: Machine
  readonly model: Model
  readonly hits: Hits
  /** Takes what must not happen. */
  readonly fail: (error: unknown) => void
}

/** Callers and an upstream, as the proxy stands between them: intent, forward, outcome. */
export class Clients {
  readonly #options: ClientsOptions
  /** Calls that wait for an answer. */
  waiting = 0

  constructor(options: ClientsOptions) {
    this.#options = options
  }

  /** A request that is let through. */
  exchange(gateway: Gateway): void {
    this.#run(async () => {
      const { machine, model, hits } = this.#options
      const intent = await this.#append(gateway, { opens: machine.random.bytes(TAG_BYTES) })
      if (intent.index === undefined) return
      model.forward(intent)
      hits.add('forwarded')
      await this.#passes(machine.random.below(UPSTREAM_MS_MAX))
      await this.#close(gateway, intent.index)
    })
  }

  /** A request that is denied: one record. */
  refusal(gateway: Gateway): void {
    this.#run(async () => {
      await this.#append(gateway, {})
    })
  }

  /** What the recorder does first in a new incarnation: the open intents get their end. */
  interrupt(gateway: Gateway, ledger: Ledger): void {
    for (const { index } of ledger.recovery.interrupted) {
      this.#run(async () => {
        await this.#append(gateway, { closes: index }, ledger)
      })
    }
  }

  /** The process that they talked to is gone: nobody will answer them. */
  abandon(): void {
    this.#options.hits.add('unanswered at a crash', this.waiting)
    this.waiting = 0
  }

  /** A full disk refuses an outcome; it is offered again while its incarnation lives. */
  async #close(gateway: Gateway, index: LeafIndex): Promise<void> {
    for (;;) {
      const outcome = await this.#append(gateway, { closes: index })
      if (outcome.refused !== 'LEDGER_FULL') return
      await this.#passes(RETRY_MS)
    }
  }

  async #append(gateway: Gateway, how: How, ledger?: Ledger): Promise<Attempt> {
    const { hits } = this.#options
    const attempt = await gateway.append(how, ledger)
    if (attempt.refused === undefined) hits.add('acknowledged')
    const refusal = REFUSALS[attempt.refused ?? '']
    if (refusal !== undefined) hits.add(refusal)
    return attempt
  }

  #run(call: () => Promise<void>): void {
    this.waiting += 1
    const { machine } = this.#options
    const { clock } = machine
    void call()
      .catch((error: unknown) => this.#options.fail(error))
      .finally(() => {
        if (machine.clock === clock) this.waiting -= 1
      })
  }

  #passes(delayMs: number): Promise<void> {
    return new Promise((done) => this.#options.machine.clock.after(delayMs, done))
  }
}

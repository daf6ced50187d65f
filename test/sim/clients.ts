import type { How } from '@countersign/evidence'
import {
  type IntentDraft,
  type OutcomeDraft,
  type Recorded,
  RecorderError,
  type RecorderErrorCode,
} from '../../packages/gateway/src/recorder/index.ts'
import { capture } from './bodies.ts'
import type { Covered, Hits } from './coverage.ts'
import { anyEnd, anyIntent, anyRefusal } from './drafts.ts'
import type { Gateway } from './gateway.ts'
import type { Machine } from './machine.ts'
import type { Model } from './model.ts'

const UPSTREAM_MS_MAX = 300
const ANY_SHA256 = '0'.repeat(64)

/** What a request is, as far as its body is sealed for somebody. */
type Asking = Pick<IntentDraft, 'who' | 'where' | 'what'>

/** Not told to be written: the client is answered with ledger-unavailable, and counted. */
const TURNED_AWAY: ReadonlySet<RecorderErrorCode> = new Set([
  'RECORDER_UNAVAILABLE',
  'RECORDER_OVERLOADED',
])

const UNENDED: Readonly<Partial<Record<RecorderErrorCode, Covered>>> = {
  RECORDER_UNAVAILABLE: 'client: outcome-unrecorded',
  RECORDER_OVERLOADED: 'client: outcome-unrecorded',
  RECORDER_INTENT_CLOSED: 'client: interrupted meanwhile',
  RECORDER_STOPPED: 'client: gateway stopped',
}

export interface ClientsOptions {
  readonly machine: Machine
  readonly model: Model
  readonly hits: Hits
  /** Takes what must not happen. */
  readonly fail: (error: unknown) => void
}

/** Callers and an upstream, as the proxy stands between them: intent, forward, outcome, release. */
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
      const draft = await this.#withBody(
        gateway,
        anyIntent(machine.random, gateway.recorder.newExchange()),
      )
      if (draft === undefined) return
      const asked = model.ask(draft.exchange, draft)
      const { isRelaxed } = gateway
      if (isRelaxed && machine.random.chance(0.03)) gateway.relax()
      const relaxed = { ...draft, isRelaxed }
      const intent = await this.#begin(gateway, () => gateway.recorder.intent(relaxed))
      if (intent === undefined) return
      if (intent.isDurable) model.forward(asked, intent)
      else {
        model.risks(asked, intent, { nowMs: machine.clock.ticksMs() })
        hits.add('client: forwarded before it was durable')
      }
      hits.add('forwarded')
      await this.#passes(machine.random.below(UPSTREAM_MS_MAX))
      const end = await this.#withResponse(gateway, draft, anyEnd(machine.random))
      const outcome = await this.#end(gateway, intent, end)
      if (outcome === undefined) return
      this.#release(asked, outcome, end.how)
    })
  }

  /** A request that is denied: one record. */
  refusal(gateway: Gateway): void {
    this.#run(async () => {
      const { machine, model } = this.#options
      const draft = await this.#withBody(
        gateway,
        anyRefusal(machine.random, gateway.recorder.newExchange()),
      )
      if (draft === undefined) return
      const asked = model.ask(draft.exchange, draft)
      const refusal = await this.#begin(gateway, () => gateway.recorder.refusal(draft))
      if (refusal !== undefined) this.#release(asked, refusal, draft.how)
    })
  }

  /** Somebody changes something: an act, and no request. */
  act(gateway: Gateway): void {
    this.#run(async () => {
      const sha256 = Buffer.from(this.#options.machine.random.bytes(32)).toString('hex')
      try {
        await gateway.recorder.act('config', { act: 'loaded', sha256 })
        this.#options.hits.add('client: act recorded')
      } catch (error) {
        if (!(error instanceof RecorderError)) throw error
      }
    })
  }

  /** The process that they talked to is gone: nobody will answer them. */
  abandon(): void {
    this.#options.hits.add('unanswered at a crash', this.waiting)
    this.waiting = 0
  }

  /** Undefined: its body must be kept, and cannot be. */
  async #withBody<Draft extends Asking>(
    gateway: Gateway,
    draft: Draft,
  ): Promise<Draft | undefined> {
    if (!gateway.captures) return draft
    const kept = await this.#capture(gateway, draft)
    if (kept === undefined) return undefined
    const { body, captured } = kept
    const what = { ...draft.what, body: { bytes: captured.contentBytes, captured } }
    return { ...draft, what, bodies: [body] }
  }

  async #withResponse(gateway: Gateway, draft: Asking, end: OutcomeDraft): Promise<OutcomeDraft> {
    if (end.how.source !== 'upstream' || !gateway.captures) return end
    const kept = await this.#capture(gateway, draft)
    if (kept === undefined) {
      const how = { ended: 'released', status: 502, source: 'gateway' } as const
      return { ...end, how: { ...how, error: 'capture-failed' } }
    }
    const { body, captured } = kept
    const response = { bytes: captured.contentBytes, sha256: ANY_SHA256, captured }
    return { ...end, how: { ...end.how, response }, bodies: [body] }
  }

  async #capture({ recorder }: Gateway, draft: Asking): ReturnType<typeof capture> {
    const { machine, model, hits } = this.#options
    const kept = await capture(draft, { recorder, random: machine.random, model })
    hits.add(kept === undefined ? 'client: body not kept' : 'client: body kept')
    return kept
  }

  #release(asked: Parameters<Model['release']>[0], end: Recorded, how: How): void {
    const { model, hits, machine } = this.#options
    if (!end.isDurable) {
      model.risks(asked, end, { nowMs: machine.clock.ticksMs(), how })
      hits.add('client: answered before its receipt')
      return
    }
    // Made as its caller would get it: the tag is computed from what was acknowledged.
    const { index, leaf } = end.receipt
    model.release(asked, { index, leaf }, how)
    hits.add('client: answered with a receipt')
  }

  async #begin(gateway: Gateway, record: () => Promise<Recorded>): Promise<Recorded | undefined> {
    const { hits } = this.#options
    try {
      return await record()
    } catch (error) {
      if (!(error instanceof RecorderError)) throw error
      if (TURNED_AWAY.has(error.code)) {
        gateway.turnedAway += 1
        hits.add('client: ledger-unavailable')
        return undefined
      }
      if (error.code !== 'RECORDER_STOPPED') throw error
      hits.add('client: gateway stopped')
      return undefined
    }
  }

  async #end(
    { recorder }: Gateway,
    intent: Recorded,
    end: OutcomeDraft,
  ): Promise<Recorded | undefined> {
    try {
      return await recorder.outcome(intent, end)
    } catch (error) {
      const seen = error instanceof RecorderError ? UNENDED[error.code] : undefined
      if (seen === undefined) throw error
      this.#options.hits.add(seen)
      return undefined
    }
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

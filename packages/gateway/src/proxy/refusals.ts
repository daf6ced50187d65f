import type { Reason } from '@countersign/evidence'
import { type Limits, Meter, networkOf, Rate } from '../limits/index.ts'
import type { Clock, Timer } from '../platform/index.ts'
import type { ProxyContext } from './context.ts'
import { Folded } from './folded.ts'
import type { ExchangeRecorder, Recorded, RefusalDraft } from './recording.ts'

/** Who is refused, as far as that is certain. */
export interface Refused {
  /** Undefined: nobody whose identity was verified. */
  readonly principal: { readonly issuer: string; readonly id: string } | undefined
  readonly address: string
}

/** Reasons that anybody can cause as fast as they can send, known or not. */
const ALWAYS_FOLDABLE: ReadonlySet<Reason> = new Set([
  'rate-limited',
  'quota-exhausted',
  'concurrency-limited',
  'limits-unavailable',
  'quarantined',
  'read-only',
  'overloaded',
  'upstream-overloaded',
  'connection-flooded',
  'shutting-down',
  'disk-reserve',
])

const TICK_MS = 1000
const SECOND_US = 1_000_000
/** Callers and networks, of each reason, whose refusals are told apart; they are forgotten soon. */
const PLACES_MAX = 4096
/** The issuer of the subject numbers that stand for addresses and networks. */
const ADDRESS_ISSUER = 'address'

/** What is known of the refusals of one reason and one caller, network, or everybody else. */
interface Place {
  readonly reason: Reason
  readonly scope: 'caller' | 'network' | 'all'
  readonly subject: { readonly issuer: string; readonly id: string } | undefined
  readonly meter: Meter
  seenMs: number
  about: { readonly epoch: number; readonly index: number } | undefined
  fold: Folded | undefined
}

/** What is recorded whole, of one caller and of all together; undefined: nothing. */
interface WholeRates {
  readonly of: Limits
  readonly each: Rate
  readonly all: Rate | undefined
}

/**
 * Writes refusals down: one record each, up to a rate. Beyond it, refusals that cost the sender
 * nothing are counted in folds, so that a flood can neither fill the ledger nor hide in it: of one
 * caller by itself; of callers that are too many, by network; of too many networks, by reason.
 *
 * A decision about somebody who is known is never folded.
 */
export class Refusals {
  readonly #clock: Clock
  readonly #recorder: ExchangeRecorder
  readonly #limits: () => Limits
  readonly #isSpaceScarce: () => boolean
  readonly #report: ProxyContext['report']
  readonly #places = new Map<string, Place>()
  readonly #counts = { caller: 0, network: 0, all: 0 }
  readonly #folds = { caller: 0, network: 0, all: 0 }
  readonly #closing = new Set<Folded>()
  readonly #whole = new Meter()
  #rates: WholeRates | undefined
  #timer: Timer | undefined

  constructor(parts: {
    readonly clock: Clock
    readonly recorder: ExchangeRecorder
    /** Those in force now. */
    readonly limits: () => Limits
    /** Then whatever may be counted is counted together: one record a second of each reason. */
    readonly isSpaceScarce: () => boolean
    readonly report: ProxyContext['report']
  }) {
    this.#clock = parts.clock
    this.#recorder = parts.recorder
    this.#limits = parts.limits
    this.#isSpaceScarce = parts.isSpaceScarce
    this.#report = parts.report
  }

  /** Resolves when the refusal is durable: its record, or undefined where a fold counts it. */
  async record(
    reason: Reason,
    refused: Refused,
    draft: () => RefusalDraft | Promise<RefusalDraft>,
  ): Promise<Recorded | undefined> {
    if (refused.principal !== undefined && !ALWAYS_FOLDABLE.has(reason)) {
      return this.#recorder.refusal(await draft())
    }
    const isScarce = reason === 'disk-reserve' || this.#isSpaceScarce()
    const place = isScarce ? this.#commonPlace(reason) : this.#placeOf(reason, refused)
    if (place.fold === undefined && this.#mayBeWhole(place)) {
      const recorded = await this.#recorder.refusal(await draft())
      place.about = { epoch: recorded.epoch, index: recorded.index }
      return recorded
    }
    const folding = this.#foldingPlace(place, refused)
    folding.fold ??= this.#open(folding)
    try {
      await folding.fold.count()
      return undefined
    } catch {
      // What no fold can count is a record of its own, or is not answered.
      return this.#recorder.refusal(await draft())
    }
  }

  /** Closes every fold now. */
  async close(): Promise<void> {
    this.#timer?.cancel()
    for (const place of this.#places.values()) this.#letGo(place)
    await Promise.allSettled([...this.#closing].map((fold) => this.#close(fold)))
  }

  #placeOf(reason: Reason, { principal, address }: Refused): Place {
    const caller = principal ?? { issuer: ADDRESS_ISSUER, id: address }
    const known = this.#find(reason, 'caller', caller)
    if (known !== undefined) return known
    if (this.#counts.caller < PLACES_MAX) return this.#add(reason, 'caller', caller)
    return this.#widerPlace(reason, { principal, address })
  }

  /** The network of whoever is not known, as long as networks are few; else all. */
  #widerPlace(reason: Reason, { principal, address }: Refused): Place {
    if (principal === undefined) {
      const network = { issuer: ADDRESS_ISSUER, id: networkOf(address) }
      const known = this.#find(reason, 'network', network)
      if (known !== undefined) return known
      if (this.#counts.network < PLACES_MAX) return this.#add(reason, 'network', network)
    }
    return this.#commonPlace(reason)
  }

  #commonPlace(reason: Reason): Place {
    return this.#find(reason, 'all', undefined) ?? this.#add(reason, 'all', undefined)
  }

  /**
   * Where the refusal is counted. A caller who has not used up what is recorded whole is one of
   * many who have together: these share a fold, for one of their own would be more than a record.
   */
  #foldingPlace(place: Place, refused: Refused): Place {
    const { foldsMax } = this.#limits()
    const mayOpen = (at: Place): boolean => {
      return at.fold !== undefined || (this.#folds[at.scope] < foldsMax && !this.#isFresh(at))
    }
    if (place.scope === 'all' || mayOpen(place)) return place
    const wider = this.#widerPlace(place.reason, refused)
    wider.seenMs = this.#clock.ticksMs()
    if (wider.scope === 'network' && this.#isFresh(wider)) {
      wider.meter.take(this.#ratesNow().each, this.#clock.nowUs(), 1)
    }
    if (wider.scope === 'all' || mayOpen(wider)) return wider
    return this.#commonPlace(place.reason)
  }

  #find(reason: Reason, scope: Place['scope'], subject: Place['subject']): Place | undefined {
    const place = this.#places.get(placeKey(reason, scope, subject))
    if (place !== undefined) place.seenMs = this.#clock.ticksMs()
    return place
  }

  #add(reason: Reason, scope: Place['scope'], subject: Place['subject']): Place {
    const meter = new Meter()
    const seenMs = this.#clock.ticksMs()
    const place = { reason, scope, subject, meter, seenMs, about: undefined, fold: undefined }
    this.#places.set(placeKey(reason, scope, subject), place)
    this.#counts[scope] += 1
    this.#arm()
    return place
  }

  #open(place: Place): Folded {
    const { reason, scope, subject, about } = place
    const key = subject && this.#recorder.actant(subject).subject
    const untalliedMax = this.#limits().foldUntalliedMax
    this.#folds[scope] += 1
    const parts = { clock: this.#clock, recorder: this.#recorder }
    return new Folded(parts, { reason, scope, key, untalliedMax, about })
  }

  #mayBeWhole({ meter, scope }: Place): boolean {
    const { each, all } = this.#ratesNow()
    const nowUs = this.#clock.nowUs()
    if (all === undefined || this.#whole.waitUs(all, nowUs, 1) > 0) return false
    if (scope === 'all' || meter.waitUs(each, nowUs, 1) > 0) return false
    this.#whole.take(all, nowUs, 1)
    meter.take(each, nowUs, 1)
    return true
  }

  #isFresh({ meter }: Place): boolean {
    return meter.waitUs(this.#ratesNow().each, this.#clock.nowUs(), 1) === 0
  }

  #ratesNow(): WholeRates {
    const of = this.#limits()
    if (this.#rates?.of === of) return this.#rates
    const { refusalsPerSecondMax: perSecond, refusalsWholeMax: whole, foldMs } = of
    const all =
      perSecond === 0
        ? undefined
        : new Rate({ limit: perSecond, windowUs: SECOND_US, burst: perSecond })
    const each = new Rate({ limit: whole, windowUs: foldMs * 1000, burst: whole })
    this.#rates = { of, each, all }
    return this.#rates
  }

  #arm(): void {
    this.#timer ??= this.#clock.after(TICK_MS, () => {
      this.#timer = undefined
      this.#tick()
      if (this.#places.size + this.#closing.size > 0) this.#arm()
    })
  }

  /** Tallies what was counted, ends what is quiet, forgets who is gone. */
  #tick(): void {
    const { foldMs } = this.#limits()
    const nowMs = this.#clock.ticksMs()
    for (const [key, place] of this.#places) {
      if (place.fold !== undefined && place.fold.idleMs() >= foldMs) this.#letGo(place)
      else place.fold?.tell().catch(() => undefined) // Told at the next tick.
      if (place.fold !== undefined || nowMs - place.seenMs < foldMs) continue
      this.#places.delete(key)
      this.#counts[place.scope] -= 1
    }
    for (const fold of this.#closing) void this.#close(fold)
  }

  /** From now on the place counts in another fold, if it does again. */
  #letGo(place: Place): void {
    if (place.fold === undefined) return
    this.#closing.add(place.fold)
    this.#folds[place.scope] -= 1
    place.fold = undefined
  }

  /** Tried again at the next tick until it is on record. */
  async #close(fold: Folded): Promise<void> {
    try {
      await fold.close()
      this.#closing.delete(fold)
    } catch (cause) {
      this.#report({ event: 'ledger-unavailable', cause })
      this.#arm()
    }
  }
}

function placeKey(reason: Reason, scope: Place['scope'], subject: Place['subject']): string {
  return subject === undefined
    ? `${reason} ${scope}`
    : `${reason} ${scope} ${subject.issuer} ${subject.id}`
}

import type { Actant, AdminFacts } from '@countersign/evidence'
import { formatTime } from '@countersign/evidence'
import type { Clock, Random, Timer } from '../platform/index.ts'
import { ContainmentError } from './containment-error.ts'
import type { Measure, Someone } from './measure.ts'
import { type ContainedFacts, MeasureIndex } from './measure-index.ts'
import type { ContainmentStore } from './store.ts'
import type { Target } from './target.ts'

/** More than this is not a measure any more but a policy. */
export const MEASURES_MAX = 10_000
/** The longest that one order may last. */
export const MEASURE_MS_MAX = 31_622_400_000
/** How often what is owed, to the disk or to the ledger, is tried again. */
const RETRY_MS = 1000
/** A wall clock may jump: no timer looks further ahead than this. */
const LOOK_AGAIN_MS_MAX = 60_000

/** What is needed of the recorder. */
export interface ContainmentRecorder {
  actant(principal: { readonly issuer: string; readonly id: string }): Actant
  act(kind: 'admin', facts: AdminFacts, options?: { readonly who?: Actant }): Promise<unknown>
}

export interface ContainmentOptions {
  readonly clock: Clock
  readonly random: Random
  readonly store: ContainmentStore
  readonly recorder: ContainmentRecorder
  /** Told of what fails in the background and is tried again. */
  readonly onFault: (fault: unknown) => void
}

export interface ContainmentOrder {
  readonly target: Target
  readonly reason: string
  readonly by: Someone
  /** The address that it was given from. */
  readonly from?: string | undefined
  readonly forMs: number
}

/** A measure that is in force, and what is known to survive of it so far. */
export interface Contained {
  readonly measure: Measure
  readonly isDurable: boolean
  readonly isRecorded: boolean
}

/**
 * Who and what is under quarantine.
 *
 * What it prevents: a request of the quarantined after the order was given, and the rest of what
 * was going on. A measure is in force before it is durable and before it is recorded, because it
 * can only refuse: it works where the disk is full and the ledger down, and its record follows.
 * When it refuses: lifting, and the end of its time, are on record before they take effect. What
 * cannot be recorded stays under quarantine.
 */
export class Containment {
  readonly #options: ContainmentOptions
  readonly #measures = new Map<string, Measure>()
  readonly #index = new MeasureIndex()
  readonly #listeners = new Set<() => void>()
  readonly #changeListeners = new Set<() => void>()
  /** Measures of which the disk or the ledger does not know yet. */
  readonly #owed = new Set<string>()
  /** Measures that are being lifted, or end. */
  readonly #ending = new Set<string>()
  readonly #settling = new Map<string, Promise<boolean>>()
  #timer: Timer | undefined
  #isClosed = false

  private constructor(options: ContainmentOptions) {
    this.#options = options
  }

  /** Throws ContainmentError CONTAINMENT_STATE_INVALID: what cannot be read is not forgotten. */
  static async open(options: ContainmentOptions): Promise<Containment> {
    const containment = new Containment(options)
    for (const measure of await options.store.load()) {
      containment.#adopt(measure)
      if (!measure.isRecorded) containment.#owed.add(measure.id)
    }
    containment.#look()
    return containment
  }

  /** Nothing is under quarantine: the request path asks no further. */
  get isEmpty(): boolean {
    return this.#index.isEmpty
  }

  /** A measure that stands against these facts. */
  finds(facts: ContainedFacts): Measure | undefined {
    return this.#index.find(facts)
  }

  /** In the order of their end. */
  list(): readonly Measure[] {
    return [...this.#measures.values()].toSorted((one, other) => one.untilUs - other.untilUs)
  }

  /** Calls back, in the same turn, whenever something more is under quarantine. */
  onMore(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Calls back, in the same turn, whenever anything is other than it was. */
  onChange(listener: () => void): void {
    this.#changeListeners.add(listener)
  }

  /**
   * Goes by the measures of another process, which keeps and records them: these and no others are
   * in force from here on. Nothing ends here by itself.
   */
  follow(measures: readonly Measure[]): void {
    const ids = new Set(measures.map(({ id }) => id))
    for (const measure of this.list()) if (!ids.has(measure.id)) this.#forget(measure)
    const more = measures.filter(({ id }) => !this.#measures.has(id))
    for (const measure of more) this.#adopt(measure)
    if (more.length > 0) for (const listener of this.#listeners) listener()
  }

  /** In force when the call returns its promise; resolves when it is durable and on record. */
  async contain({ target, reason, by, from, forMs }: ContainmentOrder): Promise<Contained> {
    if (this.#measures.size >= MEASURES_MAX) {
      throw new ContainmentError('CONTAINMENT_FULL', `${MEASURES_MAX} measures are in force`)
    }
    const { clock, random } = this.#options
    const fromUs = clock.nowUs()
    const untilUs = fromUs + Math.min(forMs, MEASURE_MS_MAX) * 1000
    const id = `c-${Buffer.from(random.bytes(8)).toString('hex')}`
    const measure = { id, target, reason, by, fromUs, untilUs, isRecorded: false }
    this.#adopt(measure)
    this.#owed.add(id)
    for (const listener of this.#listeners) listener()
    const isDurable = await this.#settle(measure, from)
    this.#look()
    return {
      measure: this.#measures.get(id) ?? measure,
      isDurable,
      isRecorded: !this.#owed.has(id),
    }
  }

  /** Rejects, and lifts nothing, where it cannot be recorded. */
  async lift(id: string, order: Omit<ContainmentOrder, 'target' | 'forMs'>): Promise<void> {
    const measure = this.#measures.get(id)
    // One that is being lifted, or ends, has its record on the way.
    if (measure === undefined || this.#ending.has(id)) {
      throw new ContainmentError('CONTAINMENT_UNKNOWN', `no measure ${id} is in force`)
    }
    this.#ending.add(id)
    try {
      await this.#settling.get(id)
      await this.#record('lift', measure, order)
      this.#forget(measure)
      await this.#options.store.remove(id)
    } finally {
      this.#ending.delete(id)
    }
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  #adopt(measure: Measure): void {
    this.#measures.set(measure.id, measure)
    this.#index.add(measure)
    for (const listener of this.#changeListeners) listener()
  }

  #forget(measure: Measure): void {
    if (!this.#measures.delete(measure.id)) return
    this.#index.remove(measure)
    this.#owed.delete(measure.id)
    for (const listener of this.#changeListeners) listener()
  }

  /** Two at once, an order and its retry, would put one measure on record twice. */
  #settle(measure: Measure, from?: string): Promise<boolean> {
    const known = this.#settling.get(measure.id)
    if (known !== undefined) return known
    const settling = this.#tell(measure, from).finally(() => this.#settling.delete(measure.id))
    this.#settling.set(measure.id, settling)
    return settling
  }

  /** Tells disk and ledger, each of them though the other fails. Says whether it is kept. */
  async #tell(measure: Measure, from?: string): Promise<boolean> {
    const { store, onFault } = this.#options
    const [stored, recorded] = await Promise.allSettled([
      store.put(measure),
      this.#record('contain', measure, { ...measure, from }),
    ])
    for (const end of [stored, recorded]) if (end.status === 'rejected') onFault(end.reason)
    if (recorded.status === 'rejected' || !this.#measures.has(measure.id)) {
      return stored.status === 'fulfilled'
    }
    const settled = { ...measure, isRecorded: true }
    this.#measures.set(measure.id, settled)
    try {
      await store.put(settled)
      this.#owed.delete(measure.id)
      return true
    } catch (fault) {
      onFault(fault)
      return stored.status === 'fulfilled'
    }
  }

  /** What is owed is tried again, what is over is ended; then the next look is due. */
  #look(): void {
    this.#timer?.cancel()
    if (this.#isClosed || this.#measures.size === 0) return
    const nowUs = this.#options.clock.nowUs()
    const nextUs = Math.min(...[...this.#measures.values()].map(({ untilUs }) => untilUs))
    const waitMs = this.#owed.size > 0 ? RETRY_MS : Math.ceil((nextUs - nowUs) / 1000)
    const delayMs = Math.min(LOOK_AGAIN_MS_MAX, Math.max(1, waitMs))
    this.#timer = this.#options.clock.after(delayMs, () => void this.#tidy())
  }

  async #tidy(): Promise<void> {
    const nowUs = this.#options.clock.nowUs()
    for (const measure of this.list()) {
      if (measure.untilUs <= nowUs) await this.#end(measure)
      else if (this.#isOwed(measure)) await this.#pay(measure)
    }
    this.#look()
  }

  #isOwed({ id }: Measure): boolean {
    return this.#owed.has(id) && !this.#ending.has(id)
  }

  async #pay(measure: Measure): Promise<void> {
    const { store, onFault } = this.#options
    if (!measure.isRecorded) return void (await this.#settle(measure))
    try {
      await store.put(measure)
      this.#owed.delete(measure.id)
    } catch (fault) {
      onFault(fault)
    }
  }

  /** The end of its time is on record before it takes effect. */
  async #end(measure: Measure): Promise<void> {
    const { store, onFault, clock } = this.#options
    if (this.#ending.has(measure.id)) return
    this.#ending.add(measure.id)
    try {
      await this.#settling.get(measure.id)
      const known = this.#measures.get(measure.id) ?? measure
      if (!known.isRecorded) await this.#record('contain', measure, measure)
      await this.#record('contain-expired', measure, undefined)
      this.#forget(measure)
      await store.remove(measure.id)
    } catch (fault) {
      onFault(fault)
      if (this.#measures.has(measure.id) && clock.nowUs() >= measure.untilUs) {
        this.#owed.add(measure.id)
      }
    } finally {
      this.#ending.delete(measure.id)
    }
  }

  #record(
    operation: 'contain' | 'lift' | 'contain-expired',
    measure: Measure,
    order: Omit<ContainmentOrder, 'target' | 'forMs'> | undefined,
  ): Promise<unknown> {
    const { recorder } = this.#options
    const by = order?.by
    const facts: AdminFacts = {
      operation,
      target: describe(measure.target, recorder),
      ...(order?.from === undefined ? {} : { from: order.from }),
      parameters: {
        containment: measure.id,
        ...(order === undefined ? {} : { reason: order.reason }),
        ...(by !== undefined && 'detection' in by ? { detection: by.detection } : {}),
        ...(operation === 'contain'
          ? { from: formatTime(measure.fromUs), until: formatTime(measure.untilUs) }
          : {}),
      },
      result: 'done',
    }
    const who = by !== undefined && 'id' in by ? recorder.actant(by) : undefined
    return recorder.act('admin', facts, who === undefined ? {} : { who })
  }
}

/** As records have it: a person is a number, where no issuer is named that of none. */
function describe(target: Target, recorder: ContainmentRecorder): string {
  switch (target.kind) {
    case 'principal': {
      const { issuer = '', id } = target
      return `principal ${recorder.actant({ issuer, id }).subject}`
    }
    case 'credential':
    case 'token':
      return `${target.kind} ${target.id}`
    case 'address':
      return `address ${target.prefix}`
    case 'route':
    case 'upstream':
      return `${target.kind} ${target.name}`
    case 'gateway':
      return 'gateway'
    default:
      return target satisfies never
  }
}

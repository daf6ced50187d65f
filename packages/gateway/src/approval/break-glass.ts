import { type AlertFacts, type ApprovalFacts, formatTime } from '@countersign/evidence'
import { z } from 'zod'
import type { Clock, Disk, Random, Timer } from '../platform/index.ts'
import { type Activation, activationSchema } from './activation.ts'
import { ActiveGlass } from './active-glass.ts'
import type { BreakGlassConfig } from './approval-config.ts'
import { ApprovalError } from './approval-error.ts'
import { isAmong, mayBeSame, type Person, personKey } from './person.ts'
import { RecordedFile } from './recorded-file.ts'
import type { ApprovalRecorder } from './recording.ts'

/** Activations that wait, are in force or wait to be looked at; beyond it somebody has to look. */
const ACTIVATIONS_MAX = 1000
const STATE_BYTES_MAX = 16_777_216
const LOOK_AGAIN_MS_MAX = 60_000
const RETRY_MS = 1000
const OPERATION = 'break-glass'

export interface BreakGlassOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  /** `data/state/break-glass.json`. */
  readonly path: string
  readonly recorder: ApprovalRecorder
  /** In force now. */
  readonly config: () => BreakGlassConfig
  readonly onFault: (fault: unknown) => void
}

export interface ActivationOrder {
  readonly by: Person & { readonly mfaAtUs?: number | undefined }
  readonly reason: string
  readonly forMs?: number | undefined
}

const stateSchema = z.strictObject({
  version: z.literal(1),
  activations: z.array(activationSchema),
})

/**
 * Lets somebody in where nothing else does, for a short time, with everybody told.
 *
 * What it prevents: doing it alone, doing it unseen, and forgetting that it was done. An alert is
 * on record before it is in force, whatever is done under it is marked, and it stays on the list,
 * overdue after a while, until somebody else has looked and said so.
 * When it refuses: what cannot be recorded is not activated.
 */
export class BreakGlass {
  readonly #options: BreakGlassOptions
  readonly #file: RecordedFile
  readonly #activations = new Map<string, Activation>()
  readonly #active = new ActiveGlass()
  readonly #changeListeners = new Set<() => void>()
  readonly #busy = new Set<string>()
  #timer: Timer | undefined
  #isClosed = false

  private constructor(options: BreakGlassOptions) {
    this.#options = options
    const { disk, path } = options
    const current = (): string => {
      return `${JSON.stringify({ version: 1, activations: [...this.#activations.values()] })}\n`
    }
    const onUnsaved = (): void => this.#look()
    this.#file = new RecordedFile({ disk, path, bytesMax: STATE_BYTES_MAX, current, onUnsaved })
  }

  /** Throws ApprovalError APPROVAL_STATE_INVALID: what waits to be looked at is not forgotten. */
  static async open(options: BreakGlassOptions): Promise<BreakGlass> {
    const glass = new BreakGlass(options)
    const text = await glass.#file.load()
    for (const each of text === undefined ? [] : parse(text, options.path)) glass.#adopt(each)
    glass.#look()
    return glass
  }

  /** The activation that this principal acts under; undefined, for next to nothing, mostly. */
  activeOf(principal: Pick<Person, 'issuer' | 'id'>, atUs: number): string | undefined {
    return this.#active.of(principal, atUs)
  }

  /** Activations in force. */
  active(): readonly Activation[] {
    return this.#active.list()
  }

  /** Calls `listener` after each change of what is in force. */
  onChange(listener: () => void): void {
    this.#changeListeners.add(listener)
  }

  /** All that wait for something, the oldest first. */
  list(): readonly Activation[] {
    return [...this.#activations.values()].toSorted((one, other) => one.askedUs - other.askedUs)
  }

  /** How many should have been looked at by now. */
  overdue(atUs: number): number {
    return [...this.#activations.values()].filter((each) => isOverdue(each, atUs)).length
  }

  /** In force at once with a fresh second factor, where that is enough; else it waits. */
  async activate(order: ActivationOrder): Promise<Activation> {
    const { by } = order
    const { members } = this.#options.config()
    if (!isAmong(members, by)) {
      const said = members.length === 0 ? 'no members: breakGlass.members' : 'other members'
      throw new ApprovalError('APPROVAL_NOT_ALLOWED', `configuration names ${said}`)
    }
    // Until it is on record it is on no list: a second one must not come between.
    return this.#exclusively(personKey(by), () => this.#activate(order))
  }

  async #activate({ by, reason, forMs: wanted }: ActivationOrder): Promise<Activation> {
    const { clock, random, recorder, config } = this.#options
    const { confirm, forMsMax, mfaWithinMs, confirmWithinMs } = config()
    const own = this.list().find(({ principal, state }) => {
      return state !== 'ended' && personKey(principal) === personKey(by)
    })
    if (own !== undefined) {
      throw new ApprovalError('APPROVAL_ANSWERED', `${own.id} is yours and has not ended`)
    }
    if (this.#activations.size >= ACTIVATIONS_MAX) {
      throw new ApprovalError('APPROVAL_FULL', 'too many activations wait to be looked at')
    }
    const forMs = wanted ?? forMsMax
    if (forMs > forMsMax) throw new ApprovalError('APPROVAL_TOO_WIDE', `at most ${forMsMax} ms`)
    const askedUs = clock.nowUs()
    const isFresh = by.mfaAtUs !== undefined && askedUs - by.mfaAtUs <= mfaWithinMs * 1000
    if (confirm === 'second-factor' && !isFresh) {
      const message = `a second factor within ${mfaWithinMs} ms is needed`
      throw new ApprovalError('APPROVAL_NOT_ALLOWED', message)
    }
    const id = `b-${Buffer.from(random.bytes(8)).toString('hex')}`
    const endsUs = askedUs + confirmWithinMs * 1000
    const principal = { issuer: by.issuer, id: by.id }
    const facts: ApprovalFacts = {
      ...this.#facts('asked', id, principal),
      expires: formatTime(endsUs),
      reason,
    }
    const { epoch, index } = await recorder.act('approval', facts, { who: recorder.actant(by) })
    const asked: Activation = {
      id,
      principal,
      reason,
      forMs,
      askedUs,
      endsUs,
      state: 'asked',
      isOverdueTold: false,
      place: { epoch, index },
    }
    if (confirm !== 'second-person' && isFresh) return this.#begin(asked, 'second-factor')
    await this.#keep(asked)
    return asked
  }

  /** A second person, who shows who they are themselves, says that it is right. */
  async confirm(id: string, by: Person): Promise<Activation> {
    const { clock, recorder, config } = this.#options
    const asked = this.#activations.get(id)
    if (asked === undefined || asked.endsUs <= clock.nowUs()) throw unknown(id)
    if (asked.state !== 'asked') throw new ApprovalError('APPROVAL_ANSWERED', `${id} is confirmed`)
    refuseOwn(asked, by)
    const { members, confirmers } = config()
    if (!isAmong(members, by) && !isAmong(confirmers, by)) {
      throw new ApprovalError('APPROVAL_NOT_ALLOWED', 'configuration names other second persons')
    }
    return this.#exclusively(id, async () => {
      const facts = this.#facts('granted', id, asked.principal)
      const who = recorder.actant(by)
      const { epoch, index } = await recorder.act('approval', facts, { who, about: asked.place })
      const confirmed = { ...asked, place: { epoch, index } }
      return this.#begin(confirmed, { issuer: by.issuer, id: by.id })
    })
  }

  /** Somebody else has looked at what was done: the alert is closed, with what they found. */
  async review(
    id: string,
    { by, note, isReviewer }: { readonly by: Person; note: string; isReviewer: boolean },
  ): Promise<void> {
    const { clock, recorder, config } = this.#options
    const activation = this.#activations.get(id)
    if (activation === undefined || activation.state === 'asked') throw unknown(id)
    refuseOwn(activation, by)
    if (!isReviewer && !isAmong(config().reviewers, by)) {
      throw new ApprovalError('APPROVAL_NOT_ALLOWED', 'configuration names other reviewers')
    }
    if (activation.endsUs > clock.nowUs()) {
      throw new ApprovalError('APPROVAL_STILL_ACTIVE', `${id} is in force: look when it has ended`)
    }
    await this.#exclusively(id, async () => {
      const { place: about } = activation
      const facts: AlertFacts = { act: 'closed', alert: id, rule: OPERATION, facts: { note } }
      await recorder.act('alert', facts, { who: recorder.actant(by), about })
      this.#activations.delete(id)
      await this.#file.saveRecorded()
    })
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  /** The alert is on record before anything is done under it. */
  async #begin(
    asked: Activation,
    confirmedBy: NonNullable<Activation['confirmedBy']>,
  ): Promise<Activation> {
    const { clock, recorder, config } = this.#options
    const nowUs = clock.nowUs()
    const endsUs = nowUs + asked.forMs * 1000
    const reviewByUs = endsUs + config().reviewWithinMs * 1000
    const who = recorder.actant(asked.principal)
    const facts: AlertFacts = {
      act: 'raised',
      alert: asked.id,
      rule: OPERATION,
      facts: {
        subject: who.subject,
        reason: asked.reason,
        until: formatTime(endsUs),
        reviewBy: formatTime(reviewByUs),
        confirmed: confirmedBy === 'second-factor' ? confirmedBy : 'second-person',
      },
    }
    const { epoch, index } = await recorder.act('alert', facts, { who, about: asked.place })
    const place = { epoch, index }
    const active = { ...asked, state: 'active', endsUs, reviewByUs, confirmedBy, place } as const
    await this.#keep(active)
    return active
  }

  async #keep(activation: Activation): Promise<void> {
    this.#adopt(activation)
    await this.#file.saveRecorded()
    this.#look()
  }

  #adopt(activation: Activation): void {
    this.#activations.set(activation.id, activation)
    if (!this.#active.note(activation)) return
    for (const listener of this.#changeListeners) listener()
  }

  /** `id`: of an activation, or whose the next one is. */
  async #exclusively<T>(id: string, run: () => Promise<T>): Promise<T> {
    if (this.#busy.has(id)) throw new ApprovalError('APPROVAL_ANSWERED', 'it is being answered')
    this.#busy.add(id)
    try {
      return await run()
    } finally {
      this.#busy.delete(id)
    }
  }

  #look(): void {
    this.#timer?.cancel()
    if (this.#isClosed) return
    const due = [...this.#activations.values()].flatMap((each) => dueUs(each) ?? [])
    if (due.length === 0 && !this.#file.isUnsaved) return
    const waitMs = Math.ceil((Math.min(...due) - this.#options.clock.nowUs()) / 1000)
    const isLate = waitMs <= 0 || this.#file.isUnsaved
    const delayMs = isLate ? RETRY_MS : Math.min(LOOK_AGAIN_MS_MAX, waitMs)
    this.#timer = this.#options.clock.after(delayMs, () => void this.#tidy())
  }

  async #tidy(): Promise<void> {
    const { clock, onFault } = this.#options
    for (const activation of this.list()) {
      const at = dueUs(activation)
      if (at === undefined || at > clock.nowUs() || this.#busy.has(activation.id)) continue
      try {
        await this.#exclusively(activation.id, () => this.#advance(activation))
      } catch (fault) {
        onFault(fault)
      }
    }
    if (this.#file.isUnsaved) await this.#file.saveRecorded().catch(onFault)
    this.#look()
  }

  /** What time does to it: an asking lapses, an activation ends, a review becomes overdue. */
  async #advance(activation: Activation): Promise<void> {
    const { recorder } = this.#options
    const { id, principal, place: about, state } = activation
    if (state === 'ended') {
      const rule = 'break-glass-review-overdue'
      await recorder.act('alert', { act: 'raised', alert: id, rule }, { about })
      return this.#keep({ ...activation, isOverdueTold: true })
    }
    await recorder.act('approval', this.#facts('expired', id, principal), { about })
    if (state === 'active') return this.#keep({ ...activation, state: 'ended' })
    this.#activations.delete(id)
    await this.#file.saveRecorded()
  }

  #facts(
    act: ApprovalFacts['act'],
    approval: string,
    principal: Pick<Person, 'issuer' | 'id'>,
  ): ApprovalFacts {
    const { subject } = this.#options.recorder.actant(principal)
    return { act, approval, operation: OPERATION, subject }
  }
}

/** Says whether somebody should have looked by now. */
export function isOverdue({ reviewByUs }: Activation, atUs: number): boolean {
  return reviewByUs !== undefined && reviewByUs <= atUs
}

/** When time alone changes it next. */
function dueUs({ state, endsUs, reviewByUs, isOverdueTold }: Activation): number | undefined {
  if (state !== 'ended') return endsUs
  return isOverdueTold ? undefined : reviewByUs
}

function refuseOwn({ principal }: Activation, by: Person): void {
  if (!mayBeSame(principal, by)) return
  throw new ApprovalError('APPROVAL_OWN', 'it takes somebody else')
}

function unknown(id: string): ApprovalError {
  return new ApprovalError('APPROVAL_UNKNOWN', `no activation ${id} waits for that`)
}

function parse(text: string, path: string): readonly Activation[] {
  try {
    return stateSchema.parse(JSON.parse(text)).activations
  } catch (cause) {
    const message = `${path} cannot be read: restore it; reviews that are open stand in the ledger`
    throw new ApprovalError('APPROVAL_STATE_INVALID', message, { cause })
  }
}

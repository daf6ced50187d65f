import { type ApprovalFacts, formatTime } from '@countersign/evidence'
import { z } from 'zod'
import type { Clock, Disk, Random, Timer } from '../platform/index.ts'
import { type Approval, approvalSchema, type Grant } from './approval.ts'
import type { ApprovalsConfig, ApprovalTemplate } from './approval-config.ts'
import { ApprovalError } from './approval-error.ts'
import { type ApprovedRequest, type Granted, GrantIndex, templatesOf } from './grant-index.ts'
import { coversPattern, hasWildcard, isPattern } from './path-pattern.ts'
import { isAmong, mayBeSame, type Person, personKey } from './person.ts'
import { RecordedFile } from './recorded-file.ts'
import type { ApprovalRecorder } from './recording.ts'

/** Askings that may wait, of one person and of all. */
export const PENDING_OF_ONE_MAX = 32
const PENDING_MAX = 1000
/** Grants in force at once. */
const GRANTS_MAX = 10_000
const STATE_BYTES_MAX = 33_554_432
const LOOK_AGAIN_MS_MAX = 60_000
const RETRY_MS = 1000

export interface ApprovalsOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  /** `data/state/approvals.json`. */
  readonly path: string
  readonly recorder: ApprovalRecorder
  /** In force now. */
  readonly config: () => ApprovalsConfig
  readonly onFault: (fault: unknown) => void
}

export interface Asking extends ApprovedRequest {
  /** What would do, in order of preference. */
  readonly templates: readonly string[]
  readonly exchange: string
  /** The path may say something of a person: the template's pattern stands for it. */
  readonly isPersonal: boolean
}

export interface Redemption extends ApprovedRequest {
  readonly templates: readonly string[]
  readonly exchange: string
  /** The approval that the request itself names, and which of its uses. */
  readonly named?: { readonly id: string; readonly use: number | undefined } | undefined
}

/** One use that is spent, for good. */
export interface Use {
  readonly approval: string
  readonly template: string
  readonly use: number
  readonly uses: number
}

export interface GrantOrder {
  readonly by: Person
  readonly methods?: readonly string[] | undefined
  readonly path?: string | undefined
  readonly uses?: number | undefined
  readonly forMs?: number | undefined
  readonly reason?: string | undefined
}

const stateSchema = z.strictObject({ version: z.literal(1), approvals: z.array(approvalSchema) })

/**
 * What a second person lets somebody do, so often and so long.
 *
 * What it prevents: more uses than were granted, in whatever order requests come and processes
 * die; uses by somebody else, or of something else; grants by whoever asks.
 * When it refuses: what cannot be recorded is neither asked, granted nor used. A use is spent in
 * memory at once, then on the disk, then on record, then used: what dies between is lost.
 */
export class Approvals {
  readonly #options: ApprovalsOptions
  readonly #file: RecordedFile
  readonly #approvals = new Map<string, Approval>()
  readonly #grants = new GrantIndex()
  readonly #changeListeners = new Set<() => void>()
  readonly #asking = new Map<string, Promise<Approval>>()
  /** Being answered or ended: nobody else may. */
  readonly #busy = new Set<string>()
  /** Denied, or being denied: what is not on record as used by then is not used. */
  readonly #takenBack = new WeakSet<Grant>()
  #timer: Timer | undefined
  #isClosed = false

  private constructor(options: ApprovalsOptions) {
    this.#options = options
    const { disk, path } = options
    const current = (): string => {
      return `${JSON.stringify({ version: 1, approvals: [...this.#approvals.values()] })}\n`
    }
    const onUnsaved = (): void => this.#look()
    this.#file = new RecordedFile({ disk, path, bytesMax: STATE_BYTES_MAX, current, onUnsaved })
  }

  /** Throws ApprovalError APPROVAL_STATE_INVALID where what was granted cannot be read. */
  static async open(options: ApprovalsOptions): Promise<Approvals> {
    const approvals = new Approvals(options)
    const text = await approvals.#file.load()
    for (const approval of text === undefined ? [] : parse(text, options.path)) {
      approvals.#adopt(approval)
    }
    approvals.#look()
    return approvals
  }

  /** Templates of which this request has a grant in force; none, for next to nothing, mostly. */
  inForce(request: ApprovedRequest, atUs: number): readonly string[] {
    return templatesOf(this.#grantsFor(request, atUs))
  }

  /** Grants that have uses left, of templates that there are. */
  granted(): readonly Granted[] {
    return this.#grants.list().filter((each) => this.#hasTemplate(each))
  }

  /** Calls `listener` after each change of what is granted. */
  onChange(listener: () => void): void {
    this.#changeListeners.add(listener)
  }

  /** What is asked for and granted now, the oldest first. */
  list(): readonly Approval[] {
    return [...this.#approvals.values()].toSorted((one, other) => one.askedUs - other.askedUs)
  }

  /** How often a template may be used, how long, by whose leave; undefined where there is none. */
  template(name: string): ApprovalTemplate | undefined {
    const { templates } = this.#options.config()
    return Object.hasOwn(templates, name) ? templates[name] : undefined
  }

  /**
   * Asks for an approval, once for one person, template, method and path. Undefined where no
   * template is configured that would do, and for a path that a grant would take for a pattern;
   * rejects with APPROVAL_FULL where too many wait.
   */
  async ask(asking: Asking): Promise<Approval | undefined> {
    const name = asking.templates.find((each) => this.template(each) !== undefined)
    const template = name === undefined ? undefined : this.template(name)
    if (name === undefined || template === undefined) return undefined
    // `/orders/*` may be asked for as it stands; granted, it would be every order.
    if (!asking.isPersonal && hasWildcard(asking.path)) return undefined
    const path = asking.isPersonal ? template.path : asking.path
    const key = [personKey(asking.principal), name, asking.method, path].join('\0')
    const nowUs = this.#options.clock.nowUs()
    const waiting = this.#pending().find((each) => askedKey(each) === key && each.endsUs > nowUs)
    if (waiting !== undefined) return waiting
    const known = this.#asking.get(key)
    if (known !== undefined) return known
    this.#refuseFull(asking)
    const asked = this.#ask({ ...asking, path }, name).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asked)
    return asked
  }

  /** Grants what was asked for, or within the template something wider. */
  async grant(id: string, order: GrantOrder): Promise<Approval> {
    const approval = this.#answerable(id, order.by)
    if (approval.grant !== undefined) throw answered(id)
    if (this.#approvals.size - this.#pending().length >= GRANTS_MAX) {
      throw new ApprovalError('APPROVAL_FULL', `${GRANTS_MAX} grants are in force`)
    }
    const bounds = this.#bounds(approval, order)
    return this.#exclusively(id, async () => {
      const { recorder, clock } = this.#options
      const endsUs = clock.nowUs() + bounds.forMs * 1000
      const { methods, path, uses } = bounds
      const facts: ApprovalFacts = {
        ...this.#facts('granted', approval),
        methods,
        path,
        uses,
        expires: formatTime(endsUs),
        ...(order.reason === undefined ? {} : { reason: order.reason }),
      }
      const who = recorder.actant(order.by)
      const place = placeOf(await recorder.act('approval', facts, { who, about: approval.place }))
      const by = { issuer: order.by.issuer, id: order.by.id }
      const grant: Grant = { methods: [...methods], path, uses, used: 0, by, place }
      const granted = { ...approval, endsUs, grant }
      this.#adopt(granted)
      await this.#file.saveRecorded()
      this.#look()
      return granted
    })
  }

  /** Says no to what was asked for, or takes back what was granted. */
  async deny(id: string, { by, reason }: Pick<GrantOrder, 'by' | 'reason'>): Promise<void> {
    const approval = this.#answerable(id, by)
    await this.#exclusively(id, async () => {
      const { recorder } = this.#options
      const facts = { ...this.#facts('denied', approval), ...(reason && { reason }) }
      const about = approval.grant?.place ?? approval.place
      // A refusal needs no record to begin with: no use slips in while it is written.
      this.#unlist(approval)
      if (approval.grant !== undefined) this.#takenBack.add(approval.grant)
      try {
        await recorder.act('approval', facts, { who: recorder.actant(by), about })
      } catch (error) {
        if (approval.grant !== undefined) this.#takenBack.delete(approval.grant)
        this.#adopt(approval)
        throw error
      }
      this.#forget(id)
      await this.#file.saveRecorded()
    })
  }

  /**
   * Spends one use of a grant of these templates. Rejects with APPROVAL_SPENT where there is none,
   * or not the one that the request names.
   */
  async redeem(redemption: Redemption): Promise<Use> {
    const { principal, exchange } = redemption
    const approval = this.#redeemable(redemption)
    const { grant } = approval
    // In this turn, before anything is waited for: no two requests have the same use.
    grant.used += 1
    const use = grant.used
    if (use === grant.uses) this.#unlist(approval)
    await this.#file.save()
    if (this.#takenBack.has(grant)) throw spent()
    const { recorder } = this.#options
    const facts = { ...this.#facts('used', approval), use, uses: grant.uses, exchange }
    const who = recorder.actant(principal)
    await recorder.act('approval', facts, { who, about: grant.place })
    if (use === grant.uses) void this.#end(approval, 'used-up')
    return { approval: approval.id, template: approval.template, use, uses: grant.uses }
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  async #ask(asking: Asking, template: string): Promise<Approval> {
    const { recorder, clock, random, config } = this.#options
    const askedUs = clock.nowUs()
    const endsUs = askedUs + config().waitMs * 1000
    const { principal, method, path, exchange } = asking
    const approval = {
      id: `a-${Buffer.from(random.bytes(8)).toString('hex')}`,
      template,
      principal: { issuer: principal.issuer, id: principal.id },
      method,
      path,
      askedUs,
      endsUs,
    }
    const facts: ApprovalFacts = {
      act: 'asked',
      approval: approval.id,
      template,
      methods: [method],
      expires: formatTime(endsUs),
      exchange,
    }
    const who = recorder.actant(principal)
    const place = placeOf(await recorder.act('approval', facts, { who }))
    const asked = { ...approval, place }
    this.#adopt(asked)
    await this.#file.saveRecorded()
    this.#look()
    return asked
  }

  #refuseFull({ principal }: Asking): void {
    const waiting = this.#pending()
    const own = waiting.filter((each) => personKey(each.principal) === personKey(principal))
    const full = own.length >= PENDING_OF_ONE_MAX || waiting.length >= PENDING_MAX
    if (!full) return
    throw new ApprovalError('APPROVAL_FULL', `${own.length} of ${waiting.length} that wait are own`)
  }

  #pending(): readonly Approval[] {
    return [...this.#approvals.values()].filter(({ grant }) => grant === undefined)
  }

  /** Throws unless this person may say yes or no to it now. */
  #answerable(id: string, by: Person): Approval {
    const approval = this.#approvals.get(id)
    if (approval === undefined || approval.endsUs <= this.#options.clock.nowUs()) {
      throw new ApprovalError('APPROVAL_UNKNOWN', `no approval ${id} waits or is in force`)
    }
    if (mayBeSame(by, approval.principal)) {
      throw new ApprovalError('APPROVAL_OWN', 'nobody answers what they ask for themselves')
    }
    if (!isAmong(this.template(approval.template)?.approvers ?? [], by)) {
      const message = `${approval.template} has other approvers`
      throw new ApprovalError('APPROVAL_NOT_ALLOWED', message)
    }
    return approval
  }

  #bounds(
    { template: name, method, path: asked }: Approval,
    order: GrantOrder,
  ): { readonly methods: readonly string[]; readonly path: string; uses: number; forMs: number } {
    const template = this.template(name)
    if (template === undefined) throw tooWide(`no template is called ${name} any more`)
    const { methods = [method], path = asked, uses = 1 } = order
    const forMs = order.forMs ?? template.forMsMax
    const allowed: readonly string[] = template.methods
    const beyond = methods.filter((each) => !allowed.includes(each))
    if (beyond.length > 0) throw tooWide(`${beyond.join(', ')} is not of ${allowed.join(', ')}`)
    if (!methods.includes(method)) throw tooWide(`${method} was asked for`)
    if (!isPattern(path)) throw tooWide(`${path} is no pattern of a path`)
    if (!coversPattern(template.path, path)) throw tooWide(`${path} is beyond ${template.path}`)
    if (!coversPattern(path, asked)) throw tooWide(`${path} is not what was asked for`)
    if (uses > template.usesMax) throw tooWide(`at most ${template.usesMax} uses`)
    if (forMs > template.forMsMax) throw tooWide(`at most ${template.forMsMax} ms`)
    return { methods, path, uses, forMs }
  }

  #redeemable({ templates, named, ...request }: Redemption): Granted {
    const atUs = this.#options.clock.nowUs()
    const found = this.#grantsFor(request, atUs).find(({ id, template, grant }) => {
      if (!templates.includes(template)) return false
      return named === undefined || (named.id === id && isNext(grant, named.use))
    })
    if (found !== undefined) return found
    throw spent()
  }

  #grantsFor(request: ApprovedRequest, atUs: number): readonly Granted[] {
    const grants = this.#grants.covering(request, atUs)
    return grants.length === 0 ? grants : grants.filter((each) => this.#hasTemplate(each))
  }

  #hasTemplate({ template }: Granted): boolean {
    return this.template(template) !== undefined
  }

  #adopt(approval: Approval): void {
    this.#approvals.set(approval.id, approval)
    if (!isGranted(approval) || isUsedUp(approval)) return
    this.#grants.add(approval)
    this.#tellChange()
  }

  #unlist(approval: Approval): void {
    if (this.#grants.remove(approval)) this.#tellChange()
  }

  #tellChange(): void {
    for (const listener of this.#changeListeners) listener()
  }

  #forget(id: string): void {
    const approval = this.#approvals.get(id)
    if (approval === undefined) return
    this.#unlist(approval)
    this.#approvals.delete(id)
  }

  async #exclusively<T>(id: string, run: () => Promise<T>): Promise<T> {
    if (this.#busy.has(id)) throw answered(id)
    this.#busy.add(id)
    try {
      return await run()
    } finally {
      this.#busy.delete(id)
    }
  }

  /** Ends what is over: on record first, and again later where that fails. */
  async #end(approval: Approval, act: 'used-up' | 'expired'): Promise<void> {
    const { recorder, onFault } = this.#options
    const { id, grant, place } = approval
    if (this.#busy.has(id) || !this.#approvals.has(id)) return
    try {
      await this.#exclusively(id, async () => {
        await recorder.act('approval', this.#facts(act, approval), { about: grant?.place ?? place })
        this.#forget(id)
        await this.#file.saveRecorded()
      })
    } catch (fault) {
      onFault(fault)
    }
  }

  #look(): void {
    this.#timer?.cancel()
    if (this.#isClosed || (this.#approvals.size === 0 && !this.#file.isUnsaved)) return
    const nowUs = this.#options.clock.nowUs()
    const ends = [...this.#approvals.values()].map((each) => (isUsedUp(each) ? 0 : each.endsUs))
    const waitMs = Math.ceil((Math.min(...ends) - nowUs) / 1000)
    const isLate = waitMs <= 0 || this.#file.isUnsaved
    const delayMs = isLate ? RETRY_MS : Math.min(LOOK_AGAIN_MS_MAX, waitMs)
    this.#timer = this.#options.clock.after(delayMs, () => void this.#tidy())
  }

  async #tidy(): Promise<void> {
    const nowUs = this.#options.clock.nowUs()
    for (const approval of this.list()) {
      if (isUsedUp(approval)) await this.#end(approval, 'used-up')
      else if (approval.endsUs <= nowUs) await this.#end(approval, 'expired')
    }
    if (this.#file.isUnsaved) await this.#file.saveRecorded().catch(this.#options.onFault)
    this.#look()
  }

  #facts(
    act: ApprovalFacts['act'],
    { id, template, principal }: Approval,
  ): ApprovalFacts & { readonly act: ApprovalFacts['act'] } {
    const { subject } = this.#options.recorder.actant(principal)
    return { act, approval: id, template, subject }
  }
}

function isGranted(approval: Approval): approval is Granted {
  return approval.grant !== undefined
}

function isUsedUp({ grant }: Approval): boolean {
  return grant !== undefined && grant.used >= grant.uses
}

/** A use that is named is good once: the next one, not one that was, not one far ahead. */
function isNext(grant: Grant, use: number | undefined): boolean {
  return use === undefined || use === grant.used + 1
}

function askedKey({ principal, template, method, path }: Approval): string {
  return [personKey(principal), template, method, path].join('\0')
}

function placeOf({ epoch, index }: { epoch: number; index: number }): Approval['place'] {
  return { epoch, index }
}

function answered(id: string): ApprovalError {
  return new ApprovalError('APPROVAL_ANSWERED', `${id} has its answer`)
}

function spent(): ApprovalError {
  return new ApprovalError('APPROVAL_SPENT', 'no use of such an approval is left')
}

function tooWide(message: string): ApprovalError {
  return new ApprovalError('APPROVAL_TOO_WIDE', message)
}

function parse(text: string, path: string): readonly Approval[] {
  try {
    return stateSchema.parse(JSON.parse(text)).approvals
  } catch (cause) {
    const message = `${path} cannot be read: restore it, or remove it to end every grant`
    throw new ApprovalError('APPROVAL_STATE_INVALID', message, { cause })
  }
}

import { crc32 } from 'node:zlib'
import { equalHashes } from '@countersign/tlog'
import {
  formatLockRecord,
  type Ledger,
  type LedgerKeeper,
  parseLockRecord,
} from '../../packages/gateway/src/ledger/index.ts'
import { nodeSha256, SeededRandom } from '../../packages/gateway/src/platform/index.ts'
import { EPOCH, VERIFIERS } from './assembly.ts'
import { type AuditedLog, Auditor } from './auditor.ts'
import { type Backup, copyFiles, restoreFiles } from './backup.ts'
import { checkBodies } from './bodies.ts'
import { Clients } from './clients.ts'
import { COVERED, Hits } from './coverage.ts'
import { Faults } from './faults.ts'
import { countFound, countRecovery } from './findings.ts'
import { DATA, Gateway } from './gateway.ts'
import { Judge } from './judge.ts'
import { Machine } from './machine.ts'
import { Model, Violation } from './model.ts'
import { checkSealed } from './sealed.ts'
import type { RunOptions } from './simulate.ts'
import { type Action, drawAction, drawSwarm, type Swarm } from './swarm.ts'

/** How long service may take to come back when nothing fails any more. */
const HEALING_MS_MAX = 120_000
const RESTART_MS = 1_000

/** Twice what the recorder waits before it tries again. */
const OWED_MS_MAX = 2_000

const DRAIN_MS_MAX = 1_000

const IDLE_MS_MAX = 15_000

const CAPTURED_SEED = 1_000_003

/** Where faults come faster than a start takes, nothing would ever be served. */
const ACTIONS_BETWEEN_PEACE = 250

/** More make a run long, not better. */
const CRASHES_MAX = 5

/** Codes with which a process that starts says: try again. Everything else is a finding. */
const TRY_AGAIN = /^(DISK_IO|DISK_FULL|LEDGER_DEAD|LEDGER_INTEGRATION)$/

export class Scenario {
  readonly hits = new Hits()
  operations = 0
  crashes = 0
  trace = 0
  readonly #options: RunOptions
  readonly #random: SeededRandom
  readonly #swarm: Swarm
  readonly #machine: Machine
  readonly #model = new Model()
  readonly #auditor: Auditor
  readonly #clients: Clients
  readonly #faults: Faults
  readonly #judge: Judge
  #gateway: Gateway | undefined
  #isStarting = false
  #isFencing = false
  /** The crash that this run is about has happened: what follows is recovery. */
  #isCutShort = false
  /** The files that were there before an old backup took their place. */
  #newest: Backup | undefined
  /** The old backup was looked at long enough. */
  #isRefused = false
  #trouble: unknown

  constructor(options: RunOptions, random: SeededRandom) {
    this.#options = options
    this.#random = random
    // Drawn apart, so that the lives of all others are what they were without it.
    const captured = new SeededRandom(CAPTURED_SEED + options.seed).pick([0, 0, 0.4])
    // Every other scenario has none: with them it takes twice as long.
    this.#swarm = drawSwarm(random, options.seed % 2 === 0 ? 0 : captured)
    this.#machine = new Machine(random, this.#swarm.longestMs)
    this.#auditor = new Auditor({
      sha256: nodeSha256,
      verifiers: VERIFIERS,
      directory: `${DATA}/${EPOCH}/log`,
      rows: `${DATA}/${EPOCH}/checkpoints/00000000`,
    })
    const parts = { machine: this.#machine, model: this.#model, hits: this.hits }
    this.#clients = new Clients({ ...parts, fail: (error) => this.#fail(error) })
    this.#faults = new Faults(parts)
    this.#judge = new Judge({ ...parts, epoch: EPOCH })
    this.#machine.beforeStep = () => this.#beforeStep()
  }

  get steps(): number {
    return this.#machine.steps
  }

  async play(): Promise<void> {
    for (let actions = 1; !this.#isOver; actions++) {
      this.#ensureStarted()
      const action = drawAction(this.#swarm, this.#random)
      this.#note(action)
      await this.#act(action)
      if (actions % ACTIONS_BETWEEN_PEACE === 0) await this.#settle()
      this.#check()
    }
    if (this.crashes === 0) await this.#crash('lost')
    await this.#settle()
    await this.#stop()
    await this.#recoverAgain()
  }

  get #isOver(): boolean {
    return this.operations >= this.#swarm.operations || this.#isCutShort
  }

  async #act(action: Action): Promise<void> {
    const gateway = this.#gateway
    switch (action) {
      case 'exchange':
      case 'refusal':
      case 'act':
      case 'burst':
        return this.#serve(action)
      case 'wait':
        return this.#machine.run(this.#random.below(300))
      case 'idle':
        return this.#machine.run(this.#random.below(IDLE_MS_MAX))
      case 'freeze':
        return this.#faults.freeze()
      case 'clock jump':
        return this.#faults.clock()
      case 'look':
        return this.#look()
      case 'disk fault':
        return this.#faults.disk()
      case 'flush fault':
        return this.#faults.flush()
      case 'lock fault':
        return this.#faults.lock()
      case 'bit flip':
        return this.#faults.flip()
      case 'full disk':
        return this.#faults.space()
      case 'evict':
        return this.#faults.evict()
      case 'kill':
        return this.crashes < CRASHES_MAX ? this.#crash('kept') : undefined
      case 'power cut':
        return this.crashes < CRASHES_MAX ? this.#crash('lost') : undefined
      case 'restart':
        return this.#stop()
      case 'settle':
        await this.#settle()
        return
      case 'second owner':
        return gateway === undefined ? undefined : this.#startSecond(gateway)
      case 'fence':
        return gateway === undefined ? undefined : this.#fence(gateway)
      case 'old backup':
        return this.crashes < CRASHES_MAX ? this.#restoreBackup() : undefined
    }
  }

  async #serve(action: 'exchange' | 'refusal' | 'act' | 'burst'): Promise<void> {
    const gateway = this.#gateway
    if (gateway === undefined) return this.#machine.run(this.#random.below(200))
    const count = action === 'burst' ? 1 + this.#random.below(this.#swarm.burstMax) : 1
    this.operations += count
    for (let each = 0; each < count; each++) {
      if (action === 'refusal') this.#clients.refusal(gateway)
      else if (action === 'act') this.#clients.act(gateway)
      else this.#clients.exchange(gateway)
    }
    await this.#machine.run(this.#random.below(20))
  }

  /** Nothing waits for a start to end: it may crash, or meet a fault, in the middle. */
  #ensureStarted(): void {
    if (this.#gateway !== undefined || this.#isStarting) return
    this.#isStarting = true
    const { clock } = this.#machine
    const isMine = (): boolean => clock === this.#machine.clock
    void this.#start(isMine).then(
      (gateway) => {
        if (!isMine()) return
        this.#gateway = gateway
        this.#isStarting = false
      },
      (error: unknown) => {
        if (isMine()) this.#retryStart(error)
      },
    )
  }

  async #start(isMine: () => boolean): Promise<Gateway> {
    await this.#bringBack()
    await countFound(this.#machine, this.#auditor, this.hits)
    if (!isMine()) return new Promise(() => undefined)
    return Gateway.start({
      machine: this.#machine,
      swarm: this.#swarm,
      model: this.#model,
      hits: this.hits,
      planted: this.#options.planted,
      fail: (error) => this.#fail(error),
      onIncarnation: (gateway, ledger) => this.#attempt(() => this.#begin(gateway, ledger)),
      onTrouble: (reason, state) => {
        this.#note(`${state}, ${reason.message}`)
        if (reason.message.startsWith('second pass')) this.hits.add('found: second pass refused')
        if (state === 'refused' && !this.#isFencing) this.#fail(reason)
      },
    })
  }

  #begin(gateway: Gateway, ledger: Ledger): void {
    if (gateway.incarnations.length > 1) this.hits.add('restart: within the process')
    if (gateway.isPoisoned) this.hits.add('found: after a failed flush')
    countRecovery(ledger, this.hits)
    this.#model.checkOpen(ledger.recovery.interrupted)
  }

  /** A process that cannot start ends, and its supervisor starts another one. */
  #retryStart(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    this.#note(`start failed: ${String(error)}`)
    const isRolledBack = this.#newest !== undefined && code === 'LEDGER_ROLLED_BACK'
    if (isRolledBack) this.#isRefused = true
    else if (!TRY_AGAIN.test(code)) this.#fail(error)
    const left = this.#machine.disk.openFiles
    if (left.length > 0) this.#fail(new Violation('files are used rightly', `left: ${left.join()}`))
    this.#goAway()
    this.#isStarting = true
    this.#machine.clock.after(RESTART_MS, () => {
      this.#isStarting = false
    })
  }

  async #look(): Promise<void> {
    const seen = await this.#auditor.checkpoint(this.#machine.disk.observer())
    if (seen !== undefined) this.#model.show(seen.size, seen.root)
  }

  async #crash(power: 'kept' | 'lost'): Promise<void> {
    await this.#look()
    this.#goDown(power)
    await this.#bringBack()
  }

  #goDown(power: 'kept' | 'lost'): void {
    this.hits.add(power === 'kept' ? 'crash: process killed' : 'crash: power cut')
    if (this.#isStarting) this.hits.add('crash: while opening')
    if (this.#gateway?.isWriting === true) this.hits.add('crash: while writing a batch')
    this.#collectFaults()
    this.crashes += 1
    this.#machine.crash(power)
    this.#clients.abandon()
    this.#gateway = undefined
    this.#isStarting = false
    this.#isRefused = this.#newest !== undefined
  }

  /** Ends every fault; then service must come back, and what it shows must hold. */
  async #settle(which: 'all' | 'new' = 'new'): Promise<AuditedLog> {
    const wasFull = this.#faults.isFull
    this.#collectFaults()
    this.#faults.end()
    const untilMs = this.#machine.clock.ticksMs() + HEALING_MS_MAX
    do {
      await this.#heal(untilMs)
      // What the recorder owes it tries again each second.
      if ((this.#gateway?.turnedAway ?? 0) > 0) await this.#machine.run(OWED_MS_MAX)
      if (which === 'all') await this.#settleBodies()
    } while (!this.#isSettled())
    if (wasFull) this.hits.add('checked: resumed after a full disk')
    const log = await this.#audit(which)
    this.#judge.finish(this.#gateway)
    return log
  }

  /** What is left of bodies is looked after by a life in which nothing fails. */
  async #settleBodies(): Promise<void> {
    const bodies = this.#gateway?.bodies
    if (bodies === undefined) return
    await this.#machine.run(HEALING_MS_MAX, () => bodies.isSettled)
    if (bodies.fault === undefined && bodies.isSettled) return
    throw new Violation('a body that no record names goes away', String(bodies.fault))
  }

  async #heal(untilMs: number): Promise<void> {
    while (!this.#isSettled()) {
      this.#check()
      this.#ensureStarted()
      if (this.#machine.clock.ticksMs() > untilMs) {
        const state = this.#gateway?.keeper.state ?? 'starting'
        const what = `ledger is ${state}, ${this.#model.unended.size} intents have no end`
        throw new Violation('service returns when faults end', what)
      }
      await this.#machine.run(500, () => this.#isSettled())
    }
  }

  #isSettled(): boolean {
    const keeper = this.#gateway?.keeper
    // What nobody was told of and recovery found is shown too: the end of an intent may be in it.
    const found = this.#gateway?.ledger?.recovery.size ?? 0
    const end = Math.max(this.#model.acknowledgedEnd, found)
    const isQuiet = this.#clients.waiting === 0 && this.#model.unended.size === 0
    const isIdle = isQuiet && keeper?.state === 'open'
    return isIdle && (keeper.published?.size ?? 0) >= end
  }

  async #audit(which: 'all' | 'new') {
    const disk = this.#machine.disk.observer()
    const log = await this.#auditor.audit(disk, this.#model, this.#random)
    await checkSealed({ disk, data: DATA, log, judge: this.#judge }, which)
    if (this.#swarm.captured > 0) {
      const { named } = this.#judge
      const known = { model: this.#model, named, hits: this.hits }
      await checkBodies({ disk, data: DATA, isQuiet: which === 'all' }, known)
    }
    if (this.#model.risk.lost > 0) this.hits.add('found: lost, as its window said')
    if (log.size >= 256) this.hits.add('checked: full bundle')
    const segments = await disk.list(`${DATA}/state/wal`)
    if (!segments.some(({ name }) => name.startsWith('0000000000000000')) && log.size > 0) {
      this.hits.add('checked: segment dropped')
    }
    return log
  }

  /** As an operator stops it: drained, published, everything given back. */
  async #stop(): Promise<void> {
    const gateway = this.#gateway
    if (gateway === undefined) return
    let isStopped = false
    // Impatient operators do not wait for requests under way.
    if (this.#random.chance(0.7)) {
      await this.#machine.run(DRAIN_MS_MAX, () => this.#clients.waiting === 0)
    }
    if (this.#gateway !== gateway) return
    if (this.#model.unended.size > 0) this.hits.add('checked: stop withheld')
    void gateway.stop().then(
      () => {
        isStopped = true
      },
      (error: unknown) => this.#fail(error),
    )
    await this.#machine.run(HEALING_MS_MAX, () => isStopped || this.#trouble !== undefined)
    this.#check()
    // Stopping may have been cut short by a crash, and then there is nothing to stop any more.
    if (this.#gateway !== gateway) return
    if (!isStopped) throw new Violation('service returns when faults end', 'it does not stop')
    const { disk } = this.#machine
    // No stop waits for a body that is under way, nor for the search for records of earlier ones.
    const isDone = (): boolean => this.#clients.waiting === 0 && gateway.bodies?.isSettled !== false
    await this.#machine.run(HEALING_MS_MAX, () => disk.openFiles.length === 0 || isDone())
    const left = disk.openFiles
    if (left.length > 0) throw new Violation('files are used rightly', `left open: ${left.join()}`)
    this.hits.add('restart: stopped cleanly')
    this.#goAway()
  }

  /** The process ends; what it had in the page cache stays there. */
  #goAway(): void {
    this.#collectFaults()
    this.#machine.crash('kept')
    this.#clients.abandon()
    this.#gateway = undefined
    this.#isStarting = false
  }

  /** Two recoveries in a row, the power failing between them, end in the same log. */
  async #recoverAgain(): Promise<void> {
    const before = await this.#settle()
    await this.#crash('lost')
    const after = await this.#settle('all')
    const isSame = before.leaves.every((leaf, index) =>
      equalHashes(leaf, after.leaves[index] ?? leaf),
    )
    const [other] = this.#judge.exchangesFrom(before.size)
    if (!isSame || other !== undefined || after.size < before.size) {
      const what = `${before.size} entries before, ${after.size} after, ${other ?? ''}`
      throw new Violation('recovery is idempotent', what)
    }
    this.hits.add('checked: recovered twice alike')
  }

  async #startSecond(gateway: Gateway): Promise<void> {
    let second: LedgerKeeper | undefined
    let isOver = false
    void gateway
      .startSecond()
      .then((keeper) => {
        second = keeper
      })
      .catch((error: unknown) => this.#note(String(error)))
      .finally(() => {
        isOver = true
      })
    await this.#machine.run(HEALING_MS_MAX, () => isOver)
    if (this.#gateway !== gateway || !isOver) return
    if (second === undefined) {
      this.hits.add('checked: second owner refused')
      return
    }
    // Between two instances of the first nobody owns the directory. Otherwise there are two now.
    const isOpen = gateway.keeper.state !== 'opening'
    if (isOpen) throw new Violation('one owner at a time', 'a second one opened')
    await this.#crash('kept')
  }

  /** Somebody else moved the lock: this writer must publish nothing more, and say why. */
  async #fence(gateway: Gateway): Promise<void> {
    await this.#settle()
    const { cell, clock } = this.#machine
    if (this.#gateway !== gateway || cell.locked === undefined) return
    this.#isFencing = true
    const record = parseLockRecord(cell.locked.value)
    const value = formatLockRecord({ ...record, incarnation: record.incarnation + 1 })
    cell.locked = { version: cell.locked.version + 1, value }
    this.#clients.refusal(gateway)
    const isRefused = (): boolean => gateway.keeper.state === 'refused'
    await this.#machine.run(HEALING_MS_MAX, isRefused)
    if (clock === this.#machine.clock) {
      if (!isRefused()) throw new Violation('one owner at a time', 'a fenced writer goes on')
      const { size } = parseLockRecord(cell.locked.value)
      if (size !== record.size) throw new Violation('one owner at a time', 'fenced, yet published')
      this.hits.add('checked: stale writer fenced')
      await this.#crash('kept')
    }
    this.#isFencing = false
  }

  /** Files of long ago, under a lock that is newer: nothing may be written on top of them. */
  async #restoreBackup(): Promise<void> {
    await this.#settle()
    const old = await copyFiles(this.#machine.disk.observer(), DATA)
    const oldSize = this.#lockSize
    for (let count = 1 + this.#random.below(5); count > 0; count--) await this.#serve('exchange')
    await this.#settle()
    if (this.#lockSize <= oldSize || this.#isCutShort) return
    const newest = await copyFiles(this.#machine.disk.observer(), DATA)
    await this.#crash('kept')
    await restoreFiles(this.#machine.disk.observer(), DATA, old)
    this.hits.add('fault: old backup restored')
    this.#newest = newest
    this.#ensureStarted()
    await this.#machine.run(HEALING_MS_MAX, () => this.#isRefused || this.#gateway !== undefined)
    this.#check()
    if (!this.#isRefused) throw new Violation('an old backup is refused', 'the ledger opened')
    await this.#bringBack()
    if (!this.#isCutShort) this.hits.add('checked: old backup refused')
  }

  async #bringBack(): Promise<void> {
    if (this.#newest === undefined || !this.#isRefused) return
    await restoreFiles(this.#machine.disk.observer(), DATA, this.#newest)
    this.#newest = undefined
    this.#isRefused = false
  }

  get #lockSize(): number {
    const { locked } = this.#machine.cell
    return locked === undefined ? 0 : parseLockRecord(locked.value).size
  }

  #collectFaults(): void {
    for (const [kind, times] of this.#machine.disk.takeHits()) {
      const covered = COVERED.find((each) => each === `fault: ${kind}`)
      if (covered !== undefined) this.hits.add(covered, times)
    }
  }

  #beforeStep(): void {
    if (this.#machine.steps !== this.#options.crashAtStep) return
    this.#goDown('lost')
    this.#isCutShort = true
  }

  #attempt(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#trouble ??= error
  }

  #check(): void {
    if (this.#trouble !== undefined) throw this.#trouble
    const [misuse] = this.#machine.disk.misuses
    if (misuse !== undefined) throw new Violation('files are used rightly', misuse)
  }

  #note(what: string): void {
    const { clock } = this.#machine
    const line = `${clock.ticksMs().toFixed(3)} step ${this.steps} ${what}`
    this.trace = crc32(line, this.trace)
    this.#options.tells?.(`${line} ${this.#gateway?.keeper.state ?? 'down'}`)
  }
}

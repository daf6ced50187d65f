import { hash } from 'node:crypto'
import type { Logger } from 'pino'
import type { Configuring, ReloadCause, ReloadResult, TextsInForce } from '../admin/index.ts'
import type { ReadyChange } from '../proxy/index.ts'
import type { ChangeRecords } from './change-records.ts'
import { fixedChanges } from './fixed-settings.ts'
import { formatProblem, UnusableError } from './load-problem.ts'
import type { Prepared } from './prepare.ts'

/** Of a configuration of which nothing could be read. */
const NOTHING_SHA256 = hash('sha256', '', 'hex')

export interface ReloaderOptions {
  readonly first: Prepared
  readonly records: ChangeRecords
  readonly log: Logger
  /** Reads and checks; changes nothing. Whatever it throws, the change is refused. */
  readonly prepare: () => Promise<Prepared>
  /** Opens what can fail; nothing of it is in force. */
  readonly ready: (next: Prepared) => Promise<ReadyChange>
}

/**
 * Brings another configuration into force: the whole of it or nothing, and never before it is on
 * record. One change at a time, in the order in which they were asked for.
 */
export class Reloader implements Configuring {
  readonly #options: ReloaderOptions
  #current: Prepared
  #queue: Promise<unknown> = Promise.resolve()
  /** What was refused last: its files are looked at again, but it is told once. */
  #refused: string | undefined
  #isClosed = false

  constructor(options: ReloaderOptions) {
    this.#options = options
    this.#current = options.first
  }

  get current(): Prepared {
    return this.#current
  }

  inForce(): TextsInForce {
    const { configurationSha256: sha256, text, policies } = this.#current
    const { digest, files } = policies
    return { configuration: { sha256, text }, policies: { sha256: digest, files } }
  }

  /** Never rejects for what the files hold. */
  reload(cause: ReloadCause): Promise<ReloadResult> {
    const run = this.#queue.then(() => this.#run(cause))
    // The caller has `run`, and is told; the next in the queue only waits for it.
    this.#queue = run.catch(() => undefined)
    return run
  }

  /** Nothing changes any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#queue
  }

  async #run(cause: ReloadCause): Promise<ReloadResult> {
    if (this.#isClosed) return { kind: 'unrecorded' }
    let next: Prepared
    let change: ReadyChange
    try {
      next = await this.#prepared()
      if (this.#options.records.tells(next) && this.#isInForce(next)) return this.#tell('unchanged')
      change = await this.#ready(next)
    } catch (error) {
      if (error instanceof UnusableError) return this.#refuse(error, cause)
      throw error
    }
    return this.#enforce(next, change, cause)
  }

  async #enforce(next: Prepared, change: ReadyChange, cause: ReloadCause): Promise<ReloadResult> {
    const { records, log } = this.#options
    try {
      await records.loaded(next, digestsOf(this.#current), cause)
    } catch (error) {
      await change.abandon()
      log.error({ err: error, by: cause.by }, 'reload cannot be recorded: nothing has changed')
      return { kind: 'unrecorded' }
    }
    this.#current = next
    change.apply()
    log.level = next.config.log.level
    for (const policy of next.policies.uncovered) log.warn(policy, 'policy-uncovered')
    log.info({ by: cause.by, ...digestsOf(next) }, 'reloaded')
    return this.#tell('loaded')
  }

  async #prepared(): Promise<Prepared> {
    const next = await this.#read()
    const { path, config, configurationSha256 } = next
    const problems = fixedChanges(path, this.#current.config, config)
    if (problems.length > 0) throw new UnusableError('config', configurationSha256, problems)
    return next
  }

  /** A file that cannot be read, or that a reader breaks on, is as wrong as one that says so. */
  async #read(): Promise<Prepared> {
    try {
      return await this.#options.prepare()
    } catch (error) {
      if (error instanceof UnusableError) throw error
      const message = error instanceof Error ? error.message : String(error)
      throw new UnusableError('config', NOTHING_SHA256, [{ file: this.#current.path, message }])
    }
  }

  /** What cannot be opened is as wrong as what cannot be read. */
  async #ready(next: Prepared): Promise<ReadyChange> {
    try {
      return await this.#options.ready(next)
    } catch (error) {
      const { path: file, configurationSha256 } = next
      const message = error instanceof Error ? error.message : String(error)
      throw new UnusableError('config', configurationSha256, [{ file, message }])
    }
  }

  async #refuse(error: UnusableError, cause: ReloadCause): Promise<ReloadResult> {
    const { records, log } = this.#options
    const { configuration, policies } = digestsOf(this.#current)
    const { kind, problems } = error
    const told = problems.map(formatProblem)
    const what = [kind, error.sha256, ...told].join('\n')
    if (cause.by === 'file' && what === this.#refused) return { kind: 'refused', problems }
    log.error({ by: cause.by, kind, problems: told }, 'reload refused: the old one stays in force')
    try {
      await records.refused(error, kind === 'config' ? configuration : policies, cause)
    } catch (fault) {
      log.error({ err: fault }, 'refusal of a reload cannot be recorded')
      return { kind: 'unrecorded' }
    }
    this.#refused = what
    return { kind: 'refused', problems }
  }

  #isInForce(next: Prepared): boolean {
    return fingerprint(next) === fingerprint(this.#current)
  }

  #tell(kind: 'loaded' | 'unchanged'): ReloadResult {
    this.#refused = undefined
    return { kind, inForce: digestsOf(this.#current) }
  }
}

function digestsOf({ configurationSha256, policies }: Prepared) {
  return { configuration: configurationSha256, policies: policies.digest }
}

/** Everything that was read, secrets included. */
function fingerprint({ configurationSha256, secrets, policies }: Prepared): string {
  return JSON.stringify([configurationSha256, secrets, policies.digest, policies.files])
}

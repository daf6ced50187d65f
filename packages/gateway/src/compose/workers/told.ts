import type { Approvals, BreakGlass, Standing } from '../../approval/index.ts'
import type { Containment } from '../../containment/index.ts'
import type { Clock, Timer } from '../../platform/index.ts'
import type { ObtainedCertificates } from '../open-acme.ts'
import type { Order, WorkerBeginning } from './messages.ts'
import { onceATurn } from './once-a-turn.ts'

/** How often it is looked whether there is room on the disk. */
const SPACE_EVERY_MS = 100

export interface ToldParts {
  readonly clock: Clock
  readonly containment: Containment
  readonly approvals: Approvals
  readonly breakGlass: BreakGlass
  readonly obtained: ObtainedCertificates
  readonly isSpaceScarce: () => boolean
}

/** What every worker goes by and this process keeps: they are told when it has changed. */
export class Told {
  readonly #parts: ToldParts
  readonly #tell: (order: Order) => void
  #isScarce = false
  #timer: Timer | undefined
  /** Keys of sessions that ended in this turn. */
  #ended: string[] = []
  readonly #tellEnded = onceATurn(() => {
    this.#tell(['ended', this.#ended])
    this.#ended = []
  })

  /** `tell` tells all of them. */
  constructor(parts: ToldParts, tell: (order: Order) => void) {
    this.#parts = parts
    this.#tell = tell
  }

  /** What one begins with. */
  words(): Pick<WorkerBeginning, 'measures' | 'standing' | 'certificates' | 'isSpaceScarce'> {
    return {
      measures: this.#measures(),
      standing: this.#standing(),
      certificates: this.#certificates(),
      isSpaceScarce: this.#parts.isSpaceScarce(),
    }
  }

  /** From here on changes are told. */
  start(): void {
    const { containment, approvals, breakGlass, obtained } = this.#parts
    containment.onChange(onceATurn(() => this.#tell(['measures', this.#measures()])))
    const tellStanding = onceATurn(() => this.tellStanding())
    approvals.onChange(tellStanding)
    breakGlass.onChange(tellStanding)
    // At once: an authority is told next that it may look.
    obtained.onChange(() => this.tellCertificates())
    obtained.challenges.onChange(() => this.tellCertificates())
    this.#lookForSpace()
  }

  tellStanding(): void {
    this.#tell(['standing', this.#standing()])
  }

  tellCertificates(): void {
    this.#tell(['certificates', this.#certificates()])
  }

  /** The session of this key is over. */
  tellEnded(key: string): void {
    this.#ended.push(key)
    this.#tellEnded()
  }

  close(): void {
    this.#timer?.cancel()
  }

  #measures(): string {
    return JSON.stringify(this.#parts.containment.list())
  }

  /** Only what decisions see: what is asked for or over is the gateway's own. */
  #standing(): string {
    const { approvals, breakGlass } = this.#parts
    const standing: Standing = {
      grants: [...approvals.granted()],
      active: [...breakGlass.active()],
    }
    return JSON.stringify(standing)
  }

  #certificates(): WorkerBeginning['certificates'] {
    const { obtained } = this.#parts
    return { pairs: obtained.pairs(), challenges: obtained.challenges.words() }
  }

  #lookForSpace(): void {
    const isScarce = this.#parts.isSpaceScarce()
    if (isScarce !== this.#isScarce) this.#tell(['space', isScarce])
    this.#isScarce = isScarce
    this.#timer = this.#parts.clock.after(SPACE_EVERY_MS, () => this.#lookForSpace())
  }
}

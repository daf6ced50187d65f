import type { Containment } from '../containment/index.ts'
import { cutContained } from './contain.ts'
import type { ProxyContext } from './context.ts'
import type { Exchange } from './exchange.ts'
import type { InForce } from './in-force.ts'
import { askAgain } from './long-lived.ts'
import { tellProgress } from './progress.ts'
import { Roster } from './roster.ts'

/** How long something may go on with a credential that is good no more. */
const RECHECK_EVERY_MS = 1000
/** What counts as going on in a shared store counts for a minute and more from the last renewal. */
const RENEW_EVERY_TICKS = 20

/**
 * Every exchange that is going on: what is put under quarantine is cut where it stands, and so is
 * what goes on with a credential that was revoked. What takes long tells how far it has come.
 */
export class LiveExchanges {
  readonly #exchanges = new Roster<Exchange>()
  #isRechecking = false
  #ticks = 0

  constructor(containment: Containment) {
    containment.onMore(() => {
      for (const exchange of this.#exchanges.members()) cutContained(exchange, containment)
    })
  }

  add(exchange: Exchange, context: ProxyContext): void {
    this.#exchanges.add(exchange)
    if (!this.#isRechecking) this.#recheckLater(context)
  }

  delete(exchange: Exchange): void {
    this.#exchanges.delete(exchange)
  }

  /** What is open for long is asked about again, of the policies that are in force now. */
  askAgain(next: InForce, { clock }: ProxyContext): void {
    const timeUs = clock.nowUs()
    for (const exchange of this.#exchanges.members()) {
      if (exchange.isLongLived) askAgain(exchange, next, timeUs)
    }
  }

  /** Whether anything is open that does not end by itself soon. */
  get isAnyLong(): boolean {
    for (const { isLongLived } of this.#exchanges.members()) if (isLongLived) return true
    return false
  }

  cutLong(): void {
    for (const { isLongLived, cut } of this.#exchanges.members()) {
      if (isLongLived) cut.make('shutting-down')
    }
  }

  /** One timer for all of them, and none while nothing goes on. */
  #recheckLater(context: ProxyContext): void {
    this.#isRechecking = true
    context.clock.after(RECHECK_EVERY_MS, () => {
      const atUs = context.clock.nowUs()
      this.#ticks += 1
      const isRenewing = this.#ticks % RENEW_EVERY_TICKS === 0
      for (const exchange of this.#exchanges.members()) {
        recheck(exchange, atUs)
        tellProgress(exchange, context)
        settle(exchange, context)
        if (isRenewing && exchange.isLongLived) exchange.quotas?.renew()
      }
      this.#isRechecking = false
      if (this.#exchanges.size > 0) this.#recheckLater(context)
    })
  }
}

/** What may be open for long, and is: of a call nobody knows it before. */
function settle(exchange: Exchange, { load, clock }: ProxyContext): void {
  if (!exchange.isLongLived || exchange.burden !== 'short') return
  if (clock.ticksMs() - exchange.startedMs < RECHECK_EVERY_MS) return
  exchange.burden = 'long'
  load.settle()
}

function recheck({ isCredentialGood, credentialUntilUs, cut, inbound }: Exchange, atUs: number) {
  if (isCredentialGood?.(atUs) === false) cut.make('credentials-revoked')
  else if (credentialUntilUs !== undefined && credentialUntilUs <= atUs) {
    cut.make('credentials-expired')
  } else if (inbound.peer.certificate?.error === 'authorities-replaced') {
    cut.make('certificate-refused')
  }
}

import type { Reason } from '@countersign/evidence'
import { captureRefused } from './capture/capture-stage.ts'
import type { ProxyContext } from './context.ts'
import { draftRefusal } from './drafts.ts'
import type { Course, Exchange, Step } from './exchange.ts'
import { answerStatus } from './grpc.ts'
import { endedBy, recordOutcome } from './outcome.ts'
import { problem } from './problem.ts'
import type { Recorded, RefusalDraft } from './recording.ts'
import type { Refused } from './refusals.ts'
import { releaseReserved } from './reserve.ts'
import { PHASES, STAGES } from './stages.ts'
import { tellEnd } from './telemetry.ts'

/** Is told that an exchange has come to its end. */
interface Ending {
  ended(): void
}

/** Serves one exchange, from its first stage to its end, and says when that has come. */
export function serve(exchange: Exchange, context: ProxyContext, going: Ending): void {
  const { cut, deadlines, outbound } = exchange
  // A client that is gone, or takes nothing of an answer, is let go.
  cut.onMade(() => {
    const isLost = exchange.isConcluded || exchange.isStreaming
    if (cut.reason === 'client-aborted' || isLost) outbound.destroy()
  })
  const { exchangeMs } = exchange.inForce.limits
  deadlines.set('exchange', exchangeMs, 'exchange-timeout', exchange.startedMs)
  context.live.add(exchange, context)
  context.load.begin()
  context.telemetry.accepted()
  new StageCourse(exchange, context, going).goOn()
}

/** An exchange on its way through the stages: where none waits there is no promise either. */
class StageCourse implements Course {
  readonly #exchange: Exchange
  readonly #context: ProxyContext
  readonly #going: Ending
  #next = 0

  constructor(exchange: Exchange, context: ProxyContext, going: Ending) {
    this.#exchange = exchange
    this.#context = context
    this.#going = going
    exchange.course = this
  }

  goOn(): void {
    const step = this.#walk()
    if (step !== undefined) this.follow(step)
  }

  follow(step: Step | Promise<Step>): void {
    if (step === 'next') this.goOn()
    else if (step === 'answered') this.#end()
    else if (step instanceof Promise) this.#await(step)
    else if (step !== 'later') this.#await(this.#refuse(step.stop))
  }

  /** An open intent gets its end all the same, and nothing more is claimed or sent. */
  failed(cause: unknown): void {
    void breakOff(this.#exchange, this.#context, cause).then(() => this.#end())
  }

  #await(step: Promise<Step>): void {
    step.then(
      (late) => this.follow(late),
      (cause: unknown) => this.failed(cause),
    )
  }

  async #refuse(reason: Reason): Promise<Step> {
    await refuse(this.#exchange, this.#context, reason)
    return 'answered'
  }

  /** Up to a stage that waits, or has the last word; undefined where one has failed. */
  #walk(): Exclude<Step, 'next'> | Promise<Step> | undefined {
    const exchange = this.#exchange
    const context = this.#context
    try {
      for (;;) {
        const stage = STAGES[this.#next]
        if (stage === undefined) return 'answered'
        this.#next += 1
        exchange.timing?.enter(PHASES.get(stage))
        const step = stage(exchange, context)
        if (step !== 'next') return step
      }
    } catch (cause) {
      this.failed(cause)
      return undefined
    }
  }

  #end(): void {
    const exchange = this.#exchange
    const context = this.#context
    context.live.delete(exchange)
    context.load.end(exchange.burden)
    exchange.quotas?.release()
    releaseReserved(exchange)
    void exchange.capture?.close((body) => context.recorder.bodies.forget(body))
    exchange.deadlines.clear()
    exchange.cut.close()
    tellEnd(context, exchange)
    this.#going.ended()
  }
}

async function breakOff(exchange: Exchange, context: ProxyContext, cause: unknown): Promise<void> {
  context.report({ event: 'internal-error', exchange: exchange.id, cause })
  if (exchange.intent !== undefined && !exchange.isConcluded) {
    await recordOutcome(exchange, context, { ended: 'interrupted', error: 'internal-error' })
  }
  exchange.outbound.destroy()
}

/** Answers what no stage is to see, because it is no request or one too many. Never rejects. */
export async function refuseOutright(
  exchange: Exchange,
  context: ProxyContext,
  reason: Reason,
): Promise<void> {
  context.telemetry.accepted()
  try {
    await refuse(exchange, context, reason)
  } catch (cause) {
    context.report({ event: 'internal-error', exchange: exchange.id, cause })
    exchange.outbound.destroy()
  } finally {
    exchange.deadlines.clear()
    tellEnd(context, exchange)
  }
}

/** Ends an exchange with an answer of the gateway's own, written down before it is sent. */
async function refuse(exchange: Exchange, context: ProxyContext, reason: Reason): Promise<void> {
  if (reason === 'outcome-unrecorded') return answer(exchange, context, reason, undefined)
  if (exchange.intent !== undefined) return concludeForwarded(exchange, context, reason)
  if (reason === 'ledger-unavailable') return answerUnrecorded(exchange, context)
  let refusal: Recorded | undefined
  try {
    refusal = await context.refusals.record(reason, refusedBy(exchange), () =>
      exchange.route?.capture === undefined
        ? draftRefusal(exchange, reason)
        : draftCaptured(exchange, context, reason),
    )
  } catch (cause) {
    context.report({ event: 'ledger-unavailable', exchange: exchange.id, cause })
    return answerUnrecorded(exchange, context)
  }
  context.telemetry.refused(reason, refusal === undefined ? 'folded' : 'whole')
  await answer(exchange, context, reason, refusal)
}

/** Of a route that keeps bodies: once the refusal is to be a record of its own. */
async function draftCaptured(
  exchange: Exchange,
  context: ProxyContext,
  reason: Reason,
): Promise<RefusalDraft> {
  await captureRefused(exchange, context, reason)
  return draftRefusal(exchange, reason)
}

function refusedBy({ principal, inbound }: Exchange): Refused {
  const isKnown = principal !== undefined && principal.kind !== 'anonymous'
  return { principal: isKnown ? principal : undefined, address: inbound.peer.address }
}

/** The one answer that has no record: the recorder counts it, and the count follows. */
async function answerUnrecorded(exchange: Exchange, context: ProxyContext): Promise<void> {
  context.telemetry.refused('ledger-unavailable', 'no')
  await answer(exchange, context, 'ledger-unavailable', undefined)
}

async function concludeForwarded(
  exchange: Exchange,
  context: ProxyContext,
  reason: Reason,
): Promise<void> {
  const outcome = await recordOutcome(exchange, context, {
    ended: endedBy(reason),
    status: answerStatus(exchange, reason),
    source: 'gateway',
    error: reason,
  })
  if (reason === 'client-aborted') return exchange.outbound.destroy()
  await answer(exchange, context, outcome === undefined ? 'outcome-unrecorded' : reason, outcome)
}

async function answer(
  exchange: Exchange,
  context: ProxyContext,
  reason: Reason,
  recorded: Recorded | undefined,
): Promise<void> {
  exchange.isConcluded = true
  exchange.status = answerStatus(exchange, reason)
  const { head, body } = problem(exchange, reason, recorded)
  const isClosing = CLOSING.has(reason) && exchange.burden !== 'refused'
  const isLast = isClosing || !exchange.inbound.isComplete() || context.isStopping()
  exchange.outbound.begin({ ...head, isLast })
  exchange.deadlines.set('release', exchange.inForce.limits.releaseIdleMs, 'client-aborted')
  await exchange.outbound.end(body, [])
}

/** After these it is not certain where the next request would begin, or whether to want one. */
const CLOSING: ReadonlySet<Reason> = new Set([
  'malformed-request',
  'malformed-framing',
  'malformed-host',
  'malformed-target',
  'ambiguous-header',
  'coding-refused',
  'version-refused',
  'upgrade-refused',
  'handshake-malformed',
  'websocket-version',
  'head-too-large',
  'uri-too-long',
  'body-too-large',
  'body-timeout',
  'request-timeout',
  'shutting-down',
  'overloaded',
  // Another certificate needs another handshake.
  'certificate-refused',
])

import type { CloseFacts, How, Reason } from '@countersign/evidence'
import type { Timer } from '../../platform/index.ts'
import { BodyMeter } from '../body-meter.ts'
import type { ProxyContext } from '../context.ts'
import { type Exchange, filled, type Step } from '../exchange.ts'
import type { HeaderFields } from '../header-fields.ts'
import { becomeLongLived } from '../long-lived.ts'
import { endedBy, recordOutcome } from '../outcome.ts'
import { ownFields, passFields } from '../response-fields.ts'
import type { SwitchedHead } from '../upstream-call.ts'
import { readAnswer } from './handshake.ts'
import { Tunnel, type TunnelEnd } from './tunnel.ts'

const MASK_BYTES = 4

/** How the connection ended, and what ends it for whoever is still there. */
interface Ending {
  readonly how: Pick<How, 'ended' | 'error' | 'close'>
  /** Both sides are closed by the gateway with that code. */
  readonly code?: number
}

/** Where the upstream has changed protocols: lets frames through until somebody closes. */
export function tunnel(exchange: Exchange, context: ProxyContext): Step | Promise<Step> {
  const switched = exchange.call?.switched
  if (switched !== undefined) return letThrough(exchange, context, switched)
  return exchange.inbound.connectProtocol === undefined ? 'next' : refuseMistakable(exchange)
}

async function letThrough(
  exchange: Exchange,
  context: ProxyContext,
  switched: SwitchedHead,
): Promise<Step> {
  const { status, fields, stream, rest } = switched
  const asked = filled(filled(exchange.asked, 'asked').webSocket, 'webSocket')
  const answer = readAnswer(asked, fields, filled(exchange.route, 'route'))
  const { outbound } = exchange
  if ('fault' in answer || outbound.switchTo === undefined) {
    stream.destroy()
    const cause = 'fault' in answer ? answer.fault : 'the client cannot change protocols'
    context.report({ event: 'upstream-failed', exchange: exchange.id, cause })
    return { stop: 'upstream-protocol' }
  }
  becomeLongLived(exchange, context)
  if (exchange.cut.reason !== undefined) {
    stream.destroy()
    return { stop: exchange.cut.reason }
  }
  const head = answerHead(exchange, status, passFields(exchange).fields)
  exchange.status = head.status
  const client = outbound.switchTo(head)
  await run(exchange, context, {
    client: client.stream,
    breakClient: client.breakOff ?? (() => client.stream.destroy()),
    upstream: stream,
    early: { client: client.early, upstream: rest },
    mayCompress: answer.mayCompress,
  })
  return 'answered'
}

/** On a stream of HTTP/2 any 2xx would say that the WebSocket is open, and it is not. */
function refuseMistakable({ response, call }: Exchange): Step {
  const { status = 0 } = response ?? {}
  if (status < 200 || status > 299) return 'next'
  call?.abort('upstream-protocol')
  return { stop: 'upstream-protocol' }
}

/** On a stream of HTTP/2 it is a 200, and nothing else says what it is (RFC 8441, section 5). */
function answerHead(
  exchange: Exchange,
  status: number,
  passed: HeaderFields,
): { readonly status: number; readonly fields: HeaderFields } {
  const own = ownFields(exchange, exchange.intent)
  if (exchange.inbound.connectProtocol === undefined) {
    const switching = [
      ['connection', 'Upgrade'],
      ['upgrade', 'websocket'],
    ] as const
    return { status, fields: [...passed, ...switching, ...own] }
  }
  const kept = passed.filter(([name]) => name.toLowerCase() !== 'sec-websocket-accept')
  return { status: 200, fields: [...kept, ...own] }
}

async function run(
  exchange: Exchange,
  context: ProxyContext,
  parts: Pick<
    ConstructorParameters<typeof Tunnel>[0],
    'client' | 'breakClient' | 'upstream' | 'mayCompress'
  > & {
    readonly early: Parameters<Tunnel['start']>[0]
  },
): Promise<void> {
  const { cut, deadlines, inForce } = exchange
  const { limits } = inForce
  const { promise, resolve } = Promise.withResolvers<Ending>()
  const released = new BodyMeter()
  exchange.released = released
  let answer: Timer | undefined
  const awaitAnswer = (): void => {
    answer?.cancel()
    answer = context.clock.after(limits.closeMs, () => between.giveUp())
  }
  const heard = (): void => {
    deadlines.set('idle', limits.streamIdleMs, 'idle-timeout')
    if (answer !== undefined) awaitAnswer()
  }
  const between = new Tunnel({
    ...parts,
    messageBytesMax: limits.messageBytesMax,
    meters: { request: exchange.forwarded, response: released },
    digests: exchange.digests,
    onPass: heard,
    onStall: (who, isStalled) => {
      const reason = who === 'client' ? 'client-aborted' : 'upstream-timeout'
      if (isStalled) deadlines.set(`${who} takes`, limits.releaseIdleMs, reason)
      else deadlines.meet(`${who} takes`)
    },
    onClosing: awaitAnswer,
    onEnd: (end) => resolve(endingOf(end)),
  })
  exchange.messages = () => between.messages
  cut.onMade(() => {
    between.stop()
    resolve(endingFor(cut.reason ?? 'internal-error'))
  })
  heard()
  between.start(parts.early)
  const ending = await promise
  deadlines.meet('idle')
  answer?.cancel()
  const outcome = await recordOutcome(exchange, context, {
    ...ending.how,
    status: filled(exchange.status, 'status'),
    source: 'upstream',
    response: released.facts(),
  })
  if (outcome === undefined) between.destroy()
  else await say(between, ending, context, limits.closeMs)
}

/** The end is on record: it may be known. Whoever does not let go in time is cut. */
function say(
  between: Tunnel,
  { how, code }: Ending,
  context: ProxyContext,
  withinMs: number,
): Promise<void> {
  return new Promise((resolve) => {
    const cutOff = (): void => {
      between.destroy()
      resolve()
    }
    if (how.close === undefined) return cutOff()
    const timer = context.clock.after(withinMs, cutOff)
    const done = (): void => {
      timer.cancel()
      resolve()
    }
    const mask = context.random.bytes(MASK_BYTES)
    if (code === undefined) between.finish(done)
    else between.say(code, how.error ?? '', mask, done)
  })
}

function endingOf(end: TunnelEnd): Ending {
  if (end.kind === 'closed') return { how: { ended: 'released', close: end.close } }
  if (end.kind === 'gone') {
    const reason = end.who === 'client' ? 'client-aborted' : 'upstream-aborted'
    return { how: { ended: reason, error: reason } }
  }
  const { whose, fault } = end
  const reason = fault.code === 1009 ? 'message-too-large' : FRAME_FAULTS[whose]
  return closedByUs(reason, fault.code)
}

const FRAME_FAULTS = { client: 'malformed-frame', upstream: 'upstream-protocol' } as const

/** From outside: what the caller may know of the reason is in the code. */
function endingFor(reason: Reason): Ending {
  if (reason === 'client-aborted') return { how: { ended: endedBy(reason), error: reason } }
  return closedByUs(reason, CODES.get(reason) ?? POLICY_VIOLATION)
}

function closedByUs(error: Reason, code: number): Ending {
  const close: CloseFacts = { code, by: 'gateway' }
  return { how: { ended: 'released', error, close }, code }
}

const POLICY_VIOLATION = 1008
const GOING_AWAY = 1001
const INTERNAL_ERROR = 1011
const CODES: ReadonlyMap<Reason, number> = new Map([
  ['shutting-down', GOING_AWAY],
  ['idle-timeout', GOING_AWAY],
  ['exchange-timeout', GOING_AWAY],
  ['upstream-timeout', INTERNAL_ERROR],
  ['ledger-unavailable', INTERNAL_ERROR],
  ['internal-error', INTERNAL_ERROR],
])

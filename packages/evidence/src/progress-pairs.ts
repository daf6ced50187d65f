import type { Sha256 } from '@countersign/tlog'
import { chainMessage, MESSAGE_CHAIN_START } from './message-chain.ts'
import type { BodyFacts, How, MessageDigests, Progress } from './section-types.ts'

/** How far an exchange has come: what a record says of it, as far as it says it. */
type HowFar = Pick<Progress | How, 'request' | 'response' | 'messages'>

type Direction = 'request' | 'response'

/** Messages of one direction that were counted, and what they chain to. */
interface Chained {
  readonly count: number
  readonly chain: string
}

/** Counts that later records of the exchange may not fall below. */
interface Reached {
  readonly requestBytes: number
  readonly responseBytes: number
  readonly requestMessages: number
  readonly responseMessages: number
  /** Where messages are digested. */
  readonly chained: Readonly<Record<Direction, Chained>> | undefined
}

const NO_MESSAGE: Chained = { count: 0, chain: MESSAGE_CHAIN_START }

/** What open exchanges have said of themselves so far, by the index of their intent. */
export class ProgressPairs {
  readonly #sha256: Sha256
  readonly #reached = new Map<number, Reached>()

  constructor(sha256: Sha256) {
    this.#sha256 = sha256
  }

  /** Says whether any progress of that intent was seen. */
  has(intent: number): boolean {
    return this.#reached.size > 0 && this.#reached.has(intent)
  }

  /** Notes a progress; returns what it takes back of an earlier one, or what does not fit in it. */
  add(intent: number, far: HowFar): string | undefined {
    const before = this.#reached.get(intent)
    const why = (before && takenBack(before, far)) ?? this.#unchained(before, far)
    this.#reached.set(intent, {
      requestBytes: Math.max(before?.requestBytes ?? 0, far.request?.bytes ?? 0),
      responseBytes: Math.max(before?.responseBytes ?? 0, far.response?.bytes ?? 0),
      requestMessages: Math.max(before?.requestMessages ?? 0, far.messages?.request ?? 0),
      responseMessages: Math.max(before?.responseMessages ?? 0, far.messages?.response ?? 0),
      chained: chainedIn(far) ?? before?.chained,
    })
    return why
  }

  /** Forgets the intent; returns what its outcome takes back, or what does not fit in it. */
  end(intent: number, how: HowFar | undefined): string | undefined {
    const before = this.#reached.get(intent)
    if (before === undefined) return how && this.#unchained(before, how)
    this.#reached.delete(intent)
    return how && (takenBack(before, how) ?? this.#unchained(before, how))
  }

  /** What the digests of messages, if there are any, do not fit to. */
  #unchained(before: Reached | undefined, { messages }: HowFar): string | undefined {
    if (messages === undefined) return undefined
    const { digests } = messages
    if (digests === undefined) {
      return before?.chained && 'no digests of messages, and a progress before it has them'
    }
    for (const direction of ['request', 'response'] as const) {
      const from = before?.chained?.[direction] ?? NO_MESSAGE
      const why = this.#misfit(from, messages[direction], digests[direction])
      if (why !== undefined) return `${direction} messages: ${why}`
    }
    return undefined
  }

  /** Where a record in between is missing, or more have passed than are listed, less is said. */
  #misfit(from: Chained, count: number, { first, listed, chain }: MessageDigests) {
    const last = first + listed.length - 1
    if (last > count) return `${last} are listed, and ${count} counted`
    if (first <= from.count) return `${first} is listed, and ${from.count} were counted before`
    if (first > from.count + 1 || last < count) return undefined
    const reached = listed.reduce((at, one) => chainMessage(this.#sha256, at, one), from.chain)
    return reached === chain ? undefined : 'those that are listed do not lead to their chain'
  }
}

function chainedIn({ messages }: HowFar): Reached['chained'] {
  const { digests, request, response } = messages ?? {}
  if (digests === undefined || request === undefined || response === undefined) return undefined
  return {
    request: { count: request, chain: digests.request.chain },
    response: { count: response, chain: digests.response.chain },
  }
}

/** What is not said is not taken back: an interrupted exchange has nobody left to count. */
function takenBack(before: Reached, { request, response, messages }: HowFar): string | undefined {
  const [isLess] = [
    fell('request bytes', before.requestBytes, bytesOf(request)),
    fell('response bytes', before.responseBytes, bytesOf(response)),
    fell('request messages', before.requestMessages, messages?.request),
    fell('response messages', before.responseMessages, messages?.response),
  ].filter((why) => why !== undefined)
  return isLess
}

function bytesOf(body: BodyFacts | undefined): number | undefined {
  return body?.bytes
}

function fell(what: string, before: number, now: number | undefined): string | undefined {
  return now === undefined || now >= before
    ? undefined
    : `${now} ${what}, and a progress before it has ${before}`
}

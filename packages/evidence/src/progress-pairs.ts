import type { BodyFacts, How, Progress } from './section-types.ts'

/** How far an exchange has come: what a record says of it, as far as it says it. */
type HowFar = Pick<Progress | How, 'request' | 'response' | 'messages'>

/** Counts that later records of the exchange may not fall below. */
interface Reached {
  requestBytes: number
  responseBytes: number
  requestMessages: number
  responseMessages: number
}

/** What open exchanges have said of themselves so far, by the index of their intent. */
export class ProgressPairs {
  readonly #reached = new Map<number, Reached>()

  /** Says whether any progress of that intent was seen. */
  has(intent: number): boolean {
    return this.#reached.size > 0 && this.#reached.has(intent)
  }

  /** Notes a progress; returns what it takes back of an earlier one. */
  add(intent: number, far: HowFar): string | undefined {
    const before = this.#reached.get(intent)
    const why = before && takenBack(before, far)
    this.#reached.set(intent, {
      requestBytes: Math.max(before?.requestBytes ?? 0, far.request?.bytes ?? 0),
      responseBytes: Math.max(before?.responseBytes ?? 0, far.response?.bytes ?? 0),
      requestMessages: Math.max(before?.requestMessages ?? 0, far.messages?.request ?? 0),
      responseMessages: Math.max(before?.responseMessages ?? 0, far.messages?.response ?? 0),
    })
    return why
  }

  /** Forgets the intent; returns what its outcome takes back. */
  end(intent: number, how: HowFar | undefined): string | undefined {
    const before = this.#reached.get(intent)
    if (before === undefined) return undefined
    this.#reached.delete(intent)
    return how && takenBack(before, how)
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

// Callers that ask again as soon as they were answered, each on a connection of its own.
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Receipts } from '../faults/whole-ledger.ts'

/** One kind of request. */
export interface Ask {
  readonly method?: string
  readonly path: string
  readonly token?: string | undefined
  readonly body?: Uint8Array
}

/** What came of all of them. */
export class Tally {
  /** `200`, `403 policy-forbids`, `none`: how many. */
  readonly answers = new Map<string, number>()
  /** Milliseconds of those that were answered, a sample of them. */
  readonly #tookMs: number[] = []
  readonly receipts = new Receipts()
  #seen = 0

  add(answer: string, tookMs: number): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1)
    this.#seen += 1
    if (this.#tookMs.length < SAMPLE_MAX) this.#tookMs.push(tookMs)
    // A place in the sample for each with the same chance, without one for each.
    else if (this.#seen % Math.ceil(this.#seen / SAMPLE_MAX) === 0) {
      this.#tookMs[this.#seen % SAMPLE_MAX] = tookMs
    }
  }

  get total(): number {
    return [...this.answers.values()].reduce((sum, count) => sum + count, 0)
  }

  percentileMs(percent: number): number {
    const sorted = this.#tookMs.toSorted((a, b) => a - b)
    return Math.round((sorted[Math.floor((sorted.length * percent) / 100)] ?? 0) * 10) / 10
  }

  /** As in `1200 × 200, 3 × none`. */
  get text(): string {
    const parts = [...this.answers].toSorted((a, b) => b[1] - a[1])
    return parts.map(([answer, count]) => `${count} × ${answer}`).join(', ')
  }
}

const SAMPLE_MAX = 20_000
const AFTER_NONE_MS = 20

export interface CallersOptions {
  readonly port: number
  readonly callers: number
  /** What the n-th request is. */
  readonly ask: (nth: number) => Ask
  readonly until: () => boolean
  /** Between two requests of one caller. */
  readonly pauseMs?: number
  readonly keepReceipts?: boolean
  readonly timeoutMs?: number
}

export async function callAll(options: CallersOptions): Promise<Tally> {
  const tally = new Tally()
  const agent = new Agent({ keepAlive: true, maxSockets: options.callers })
  let nth = 0
  const caller = async (): Promise<void> => {
    while (!options.until()) {
      const answer = await once(options, agent, options.ask(nth++), tally)
      if (answer === 'none') await sleep(AFTER_NONE_MS)
      if (options.pauseMs !== undefined) await sleep(options.pauseMs)
    }
  }
  await Promise.all(Array.from({ length: options.callers }, caller))
  agent.destroy()
  return tally
}

function once(options: CallersOptions, agent: Agent, ask: Ask, tally: Tally): Promise<string> {
  const begun = performance.now()
  return new Promise((resolve) => {
    const end = (answer: string): void => {
      tally.add(answer, performance.now() - begun)
      resolve(answer)
    }
    const sent = send(options.port, ask, agent)
    if (options.timeoutMs !== undefined) sent.setTimeout(options.timeoutMs, () => sent.destroy())
    sent.on('error', () => end('none'))
    sent.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => end('none'))
      response.on('end', () => {
        if (options.keepReceipts === true) keepReceipt(response, tally)
        end(nameOf(response, Buffer.concat(chunks)))
      })
    })
    sent.end(ask.body)
  })
}

export function send(port: number, ask: Ask, agent?: Agent): ClientRequest {
  const { method = 'GET', path, token, body } = ask
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-length': body.length }),
  }
  return request({ host: '127.0.0.1', port, method, path, headers, ...(agent && { agent }) })
}

function nameOf({ statusCode = 0 }: IncomingMessage, body: Buffer): string {
  if (statusCode < 400) return String(statusCode)
  const { reason = '' } = JSON.parse(body.toString() || '{}') as { readonly reason?: string }
  return `${statusCode} ${reason}`.trimEnd()
}

function keepReceipt({ headers }: IncomingMessage, tally: Tally): void {
  const field = headers['countersign-receipt']
  if (typeof field === 'string') tally.receipts.note(field)
}

// Sends what a plan says, from an address that is its alone, and keeps what was answered.
import { connect, type Socket } from 'node:net'
import type { Plan } from './grammar.ts'
import type { Reading } from './reading.ts'

/** What the client saw of one answer. */
export interface Seen {
  readonly id: string
  readonly status: number
  readonly isLast: boolean
  /** Of an answer of the upstream's: what it says of the request it answers. */
  readonly body: string
}

export interface Talk {
  readonly answers: readonly Seen[]
  /** What is no answer, or a piece of one. */
  readonly rest: string
  /** The gateway did not answer all that it should have, and did not end the connection either. */
  readonly isSilent: boolean
  /** The end came as a reset, which drops what was answered and not read yet. */
  readonly isReset: boolean
}

const SILENCE_MS_MAX = 8000

/** Each connection has an address of 127.0.0.0/8, so that its records can be told from others. */
export function addressOf(nth: number): string {
  return `127.${1 + (nth >> 16)}.${(nth >> 8) & 255}.${nth & 255}`
}

export function talk(port: number, plan: Plan, reading: Reading): Promise<Talk> {
  const { promise, resolve } = Promise.withResolvers<Talk>()
  const socket = connect({
    port,
    host: '127.0.0.1',
    localAddress: addressOf(plan.nth),
    noDelay: true,
  })
  const answers = new Answers(reading.requests.map(({ method }) => method))
  let isSilent = false
  let isReset = false
  const timer = setTimeout(() => {
    isSilent = true
    socket.destroy()
  }, SILENCE_MS_MAX)
  // A request that ends short is awaited by the gateway: the client leaves when the rest is there.
  const whole = reading.requests.filter(({ ends }) => ends === 'whole').length
  const mustEnd = whole < reading.requests.length || reading.rest === 'no request'
  const isStuck = reading.requests.at(-1)?.ends === 'short' || reading.rest === 'part of a head'
  const leaveIfDone = (): void => {
    if (plan.leaves !== 'after the answers') return
    const isDone = answers.seen.length >= whole && (!mustEnd || isStuck)
    if (isDone) socket.end()
  }
  socket.on('data', (chunk: Buffer) => {
    answers.add(chunk.toString('latin1'))
    leaveIfDone()
  })
  socket.on('error', () => {
    isReset = true
  })
  socket.on('close', () => {
    clearTimeout(timer)
    answers.end()
    resolve({ answers: answers.seen, rest: answers.rest, isSilent, isReset })
  })
  socket.once('connect', () => void send(socket, plan).then(leaveIfDone))
  return promise
}

async function send(socket: Socket, { bytes, cuts, leaves }: Plan): Promise<void> {
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    if (cut > from) socket.write(bytes.slice(from, cut), 'latin1')
    from = Math.max(from, cut)
    if (cuts.length > 0) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  if (leaves === 'half closed') socket.end()
  if (leaves === 'at once') socket.destroy()
}

/** Answers in the order of their requests, read as they come. */
class Answers {
  readonly seen: Seen[] = []
  readonly #methods: readonly string[]
  rest = ''

  constructor(methods: readonly string[]) {
    this.#methods = methods
  }

  add(text: string): void {
    this.rest += text
    while (this.#takeOne());
  }

  /** Of what could not be read it is not known whether it was HEAD: then the end says so. */
  end(): void {
    while (this.#takeOne(true));
  }

  #takeOne(isEnd = false): boolean {
    const end = this.rest.indexOf('\r\n\r\n')
    if (end === -1) return false
    const head = this.rest.slice(0, end)
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? 0)
    if (status === 0) return false
    if (status < 200) {
      this.rest = this.rest.slice(end + 4)
      return true
    }
    const method = this.#methods[this.seen.length]
    const isLast = /^connection: close/im.test(head)
    // A refusal of what could not be read has a body, also where it begins like HEAD.
    if (method === 'HEAD' && isLast && !isEnd) return false
    const hasNone = isEnd && this.rest.length === end + 4
    const isBodyless = method === 'HEAD' ? !isLast || hasNone : method === undefined && hasNone
    const length = isBodyless ? 0 : Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
    if (this.rest.length < end + 4 + length) return false
    const body = this.rest.slice(end + 4, end + 4 + length)
    this.rest = this.rest.slice(end + 4 + length)
    const id = /^x-request-id: (\S+)/im.exec(head)?.[1] ?? ''
    this.seen.push({ id, status, isLast, body: status === 200 ? body : '' })
    return true
  }
}

// One gateway takes another's place under load: nobody is refused, nothing is lost, and two never
// write at once. And one that is told to stop answers what it has begun.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../demo-process.ts'
import { type GatewayLife, type ScratchGateway, scratchGateway } from '../faults/scratch-gateway.ts'
import { type FoundRecord, wholeLedger } from '../faults/whole-ledger.ts'

const RESTARTS = Number(process.env.RESTARTS ?? 3)
const PER_SECOND = Number(process.env.PER_SECOND ?? 300)
const TICK_MS = 10
const UNDER_WAY_MAX = 256
/** However long the machine takes to read what was sent. */
const PATIENT = ', headMs: 60000'
/** Whose bodies are under way when it is told to stop. */
const SLOW = 20

/** Asks at a fixed rate, however long answers take, over connections that are kept. */
class Load {
  readonly answers = new Map<string, number>()
  slowestMs = 0
  /** Asked again, for the connection was closed while the request was on its way. */
  raced = 0
  sent = 0
  readonly #agent = new Agent({ keepAlive: true, scheduling: 'fifo' })
  readonly #open = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout

  constructor(url: string, token: string) {
    const fromMs = performance.now()
    this.#timer = setInterval(() => {
      const due = ((performance.now() - fromMs) / 1000) * PER_SECOND
      // A machine that cannot keep up is asked less: more would not fit before any listener.
      while (this.sent < due && this.#open.size < UNDER_WAY_MAX) {
        this.sent += 1
        const told = this.#askFor(`${url}/orders`, token)
        this.#open.add(told)
        void told.finally(() => this.#open.delete(told))
      }
    }, TICK_MS)
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
    this.#agent.destroy()
  }

  /** A kept connection may be closed just now: whoever keeps connections asks again. */
  async #askFor(url: string, token: string): Promise<void> {
    const first = await ask(url, token, this.#agent)
    if (!first.isRace) return this.#note(first)
    this.raced += 1
    // Of the kept ones others are closed in the same moment.
    this.#note(await ask(url, token, new Agent()))
  }

  #note({ status, tookMs }: Answer): void {
    this.answers.set(status, (this.answers.get(status) ?? 0) + 1)
    this.slowestMs = Math.max(this.slowestMs, tookMs)
  }
}

interface Answer {
  /** Of HTTP, or the code of an error of the connection. */
  readonly status: string
  readonly tookMs: number
  /** No byte of an answer came on a connection that had answered before. */
  readonly isRace: boolean
}

/** A body is sent in two parts, the second one when it may be. */
function ask(url: string, token: string, agent: Agent, rest?: Promise<void>): Promise<Answer> {
  const fromMs = performance.now()
  const method = rest === undefined ? 'GET' : 'POST'
  return new Promise((resolve) => {
    const end = (status: string, isRace = false): void => {
      resolve({ status, tookMs: performance.now() - fromMs, isRace })
    }
    const headers = { authorization: `Bearer ${token}` }
    const asked = request(url, { agent, method, headers }, (response) => {
      response.resume()
      response.on('error', ({ message }) => end(message))
      response.on('end', () => end(String(response.statusCode)))
    })
    asked.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      end(code ?? message, (code === 'ECONNRESET' || code === 'EPIPE') && asked.reusedSocket)
    })
    if (rest === undefined) return void asked.end()
    asked.write('{"item":')
    void rest.then(() => asked.end('"tea","quantity":1}'))
  })
}

async function scratchOf(context: TestContext, limits: string): Promise<ScratchGateway> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-restart-'))
  const data = join(directory, 'data')
  const scratch = await scratchGateway(directory, data, undefined, 'strict', { limits })
  context.after(async () => {
    await scratch.close()
    await rm(directory, { recursive: true })
  })
  return scratch
}

function count(records: readonly FoundRecord[], kind: string, ended?: string): number {
  return records.filter((each) => each.kind === kind && each.ended === ended).length
}

/** Of everything that this supervisor has printed: one line for each gateway that serves. */
function servingLines(life: GatewayLife): () => number {
  let text = ''
  life.process.stdout?.on('data', (chunk) => {
    text += String(chunk)
  })
  return () => text.split('\n').filter((line) => line.includes('"origin"')).length
}

function answersOf({ answers }: Load): string {
  return JSON.stringify(Object.fromEntries(answers))
}

test(`${RESTARTS} restarts under ${PER_SECOND} requests/s refuse nobody`, async (context) => {
  const scratch = await scratchOf(context, PATIENT)
  const life = await scratch.start('supervise')
  context.after(() => life.process.kill('SIGKILL'))
  const serving = servingLines(life)
  const load = new Load(life.url, scratch.token)
  for (let restart = 0; restart < RESTARTS; restart += 1) {
    await sleep(300)
    life.process.kill('SIGUSR2')
    await waitFor(() => serving() > restart)
  }
  await sleep(300)
  await load.end()
  assert.equal(await life.stop('SIGTERM'), 0)

  const records = await wholeLedger(scratch.data)
  const received = (await scratch.received()).count
  const [intents, outcomes] = [count(records, 'intent'), count(records, 'outcome', 'released')]
  const incarnations = records.map(({ incarnation }) => incarnation)
  const gateways = new Set(incarnations).size
  context.diagnostic(
    `${load.sent} requests over ${gateways} gateways: ${answersOf(load)}, ` +
      `${load.raced} asked again, the slowest in ${Math.round(load.slowestMs)} ms; ` +
      `${intents} intents, ${outcomes} outcomes`,
  )
  assert.deepEqual([...load.answers], [['200', load.sent]])
  assert.deepEqual([intents, outcomes, received], [load.sent, load.sent, load.sent])
  assert.equal(gateways, RESTARTS + 1)
  // Each incarnation ends before the next begins: nobody else has written between.
  assert.deepEqual(
    incarnations,
    incarnations.toSorted((one, other) => one - other),
  )
})

test('L2 a gateway that stops under load answers all that it has begun', async (context) => {
  // Long enough to let the load in after the signal, however busy the machine is.
  const scratch = await scratchOf(context, `${PATIENT}, lastCallMs: 20000`)
  const life = await scratch.start()
  const agent = new Agent()
  const { promise: rest, resolve: sendRest } = Promise.withResolvers<void>()
  const slow = Array.from({ length: SLOW }, () =>
    ask(`${life.url}/orders`, scratch.token, agent, rest),
  )
  await waitFor(async () => (await scratch.received()).count === SLOW)
  const load = new Load(life.url, scratch.token)
  await waitFor(() => load.answers.has('200'))
  const fromMs = performance.now()
  const stopped = life.stop('SIGTERM')
  await sleep(300)
  await load.end()
  sendRest()
  const ends = await Promise.all(slow)
  assert.equal(await stopped, 0)
  const records = await wholeLedger(scratch.data)
  context.diagnostic(
    `${answersOf(load)}, gone ${Math.round(performance.now() - fromMs)} ms after the signal`,
  )
  assert.deepEqual([...new Set(ends.map(({ status }) => status))], ['201'])
  assert.deepEqual([...load.answers.keys()], ['200'])
  const sent = load.sent + slow.length
  assert.deepEqual([count(records, 'intent'), count(records, 'outcome', 'released')], [sent, sent])
})

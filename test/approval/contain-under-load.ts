// A gateway as `countersign start` runs it, under load and with streams open, while something is
// put under quarantine. Ada and Ben differ in everything that can be meant: who they are, their
// keys, addresses, routes and upstreams, and only Ada's requests change anything.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AdminFacts, How } from '@countersign/evidence'
import { createKey } from '../../packages/gateway/src/identity/index.ts'
import { nodeDisk, systemClock, systemRandom } from '../../packages/gateway/src/platform/index.ts'
import { readRecords } from '../../packages/gateway/src/verify/index.ts'
import { startCommand, waitFor } from '../demo-process.ts'
import { run } from '../run-cli.ts'

export interface ContainPlan {
  readonly perSecond: number
  /** Half of them Ada's. */
  readonly streams: number
  /** How long each measure is watched. */
  readonly watchMs: number
  readonly kinds: readonly ContainedKind[]
  /** Processes that serve. */
  readonly workers?: number
}

export type ContainedKind =
  | 'principal'
  | 'credential'
  | 'address'
  | 'route'
  | 'upstream'
  | 'gateway'

export interface ContainReport {
  readonly requests: number
  /** From the order to when the last thing of Ada's that passed was sent, by kind. */
  readonly lastMs: Readonly<Record<string, number>>
}

const WITHIN_MS = 1000
/** How long an order itself takes is the machine's affair: one of so many is in time. */
const GOES_MAX = 3
/** When a request was sent. */
const BORN = 'x-born'
const EVENT_EVERY_MS = 50
const UNDER_WAY_MAX = 200
const ADDRESS = { ada: '127.0.0.2', ben: '127.0.0.1' } as const
type Who = keyof typeof ADDRESS
const METHOD = { ada: 'POST', ben: 'GET' } as const

/** Runs the plan, and fails where something passes that must not, or is touched that must not. */
export async function containUnderLoad(plan: ContainPlan): Promise<ContainReport> {
  const bench = await Bench.open(plan.workers ?? 1)
  try {
    return await bench.play(plan)
  } finally {
    await bench.close()
  }
}

class Bench {
  readonly #root: string
  readonly #tokens: Readonly<Record<Who | 'ops', string>>
  readonly #upstreams: readonly Server[]
  readonly #gateway: ReturnType<typeof startCommand>
  readonly #agents = { ada: agentFrom(ADDRESS.ada), ben: agentFrom(ADDRESS.ben) }
  /** Streams wait for no connection of the load's. */
  readonly #streaming = { ada: agentFrom(ADDRESS.ada), ben: agentFrom(ADDRESS.ben) }
  #addresses: readonly string[] = []
  /**
   * When that was sent, by her or to her, which last reached the upstream, or her. When it arrived
   * says how busy those are who look for it.
   */
  readonly #passed = { upstreamMs: 0, clientMs: 0 }
  #measures = 0
  readonly #failed: string[] = []
  #isOver = false
  #requests = 0

  private constructor(root: string, upstreams: readonly Server[], workers: number) {
    this.#root = root
    this.#upstreams = upstreams
    const making = { clock: systemClock(), random: systemRandom() }
    const ada = createKey('', { principal: 'ada' }, making)
    const ben = createKey(ada.text, { principal: 'ben' }, making)
    const ops = createKey(ben.text, { principal: 'ops', roles: ['operator'] }, making)
    this.#tokens = { ada: ada.token, ben: ben.token, ops: ops.token }
    mkdirSync(join(root, 'policies'))
    writeFileSync(join(root, 'policies', 'all.cedar'), 'permit (principal, action, resource);')
    writeFileSync(join(root, 'keys.yaml'), ops.text, { mode: 0o600 })
    const [first, second] = upstreams.map((each) => {
      return `http://127.0.0.1:${(each.address() as AddressInfo).port}`
    })
    writeFileSync(
      join(root, 'gateway.yaml'),
      `version: 1
data: ./data
workers: ${workers}
log: {level: silent}
identity: {keysFile: keys.yaml}
policies: {directory: policies}
limits: { loopLagMs: 60000, ledgerLagMs: 600000 }
admin: {port: 0, roles: {operator: [{role: operator}]}}
listeners: [{name: main, host: 0.0.0.0, port: 0}]
upstreams: {ada: {url: '${first}'}, ben: {url: '${second}'}}
routes: [{name: ada, path: /ada, upstream: ada}, {name: ben, path: /ben, upstream: ben}]
`,
    )
    this.#gateway = startCommand(['start', '--config', join(root, 'gateway.yaml'), '--json'])
  }

  static async open(workers: number): Promise<Bench> {
    const root = mkdtempSync(join(tmpdir(), 'countersign-contain-'))
    let bench: Bench | undefined
    const reached = (who: Who, bornMs: number): void => bench?.reached(who, bornMs)
    const upstreams = [await upstream('ada', reached), await upstream('ben', reached)]
    bench = new Bench(root, upstreams, workers)
    let said = ''
    const { child } = bench.#gateway
    child.stdout?.on('data', (chunk) => {
      said += String(chunk)
    })
    await waitFor(() => said.includes('\n') || child.exitCode !== null)
    bench.#addresses = (JSON.parse(said) as { readonly addresses: string[] }).addresses
    return bench
  }

  reached(who: Who, bornMs: number): void {
    if (who === 'ada') this.#pass('upstreamMs', bornMs)
  }

  #pass(where: 'upstreamMs' | 'clientMs', bornMs: number): void {
    this.#passed[where] = Math.max(this.#passed[where], bornMs)
  }

  async play(plan: ContainPlan): Promise<ContainReport> {
    const load = this.#load(plan.perSecond)
    const lastMs: Record<string, number> = {}
    try {
      for (const kind of plan.kinds) {
        for (let goes = 0; goes < GOES_MAX && !((lastMs[kind] ?? WITHIN_MS) < WITHIN_MS); goes += 1)
          lastMs[kind] = await this.#watch(kind, plan)
      }
    } finally {
      this.#isOver = true
      await load
    }
    assert.deepEqual(this.#failed, [])
    await this.#stop()
    await this.#judge(plan)
    return { requests: this.#requests, lastMs }
  }

  /** One measure from the order to the end; how long Ada still had. */
  async #watch(kind: ContainedKind, plan: ContainPlan): Promise<number> {
    const each = Array.from({ length: plan.streams / 2 })
    const hers = each.map(() => this.#stream('ada'))
    const others = each.map(() => this.#stream('ben'))
    await waitFor(() => [...hers, ...others].every(({ events }) => events() > 2))
    this.#measures += 1
    const orderedMs = performance.now()
    const id = await this.#contain(kind)
    const answeredMs = performance.now()
    await sleep(plan.watchMs)
    const lastMs = Math.max(this.#passed.upstreamMs, this.#passed.clientMs)
    const late = lastMs - answeredMs
    assert.ok(late < WITHIN_MS, `${kind}: Ada sent ${late} ms after the answer, and it passed`)
    await waitFor(() => hers.every(({ ended }) => ended() !== undefined))
    for (const { ended } of hers) assert.equal(ended(), 'broken', `${kind}: a stream of Ada's`)
    const had = others.map(({ events }) => events())
    await waitFor(() => others.every(({ events }, at) => events() > (had[at] ?? 0)))
    for (const { ended } of others) assert.equal(ended(), undefined, `${kind}: a stream of Ben's`)
    const lifted = await this.#admin('DELETE', `/api/containment/${id}`, { reason: 'over' })
    assert.equal(lifted.status, 200, lifted.text)
    const before = this.#passed.upstreamMs
    await waitFor(() => this.#passed.upstreamMs > before)
    for (const { close } of others) close()
    return lastMs - orderedMs
  }

  async #contain(kind: ContainedKind): Promise<string> {
    const target = {
      principal: { kind, id: 'ada' },
      credential: { kind, id: this.#tokens.ada.split('_')[1] },
      address: { kind, prefix: `${ADDRESS.ada}/32` },
      route: { kind, name: 'ada' },
      upstream: { kind, name: 'ada' },
      gateway: { kind },
    }[kind]
    const order = { target, reason: 'a test', forMs: 600_000 }
    const { status, text } = await this.#admin('POST', '/api/containment', order)
    assert.equal(status, 201, text)
    return (JSON.parse(text) as { readonly id: string }).id
  }

  async #admin(
    method: string,
    path: string,
    body: object,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const headers = {
      authorization: `Bearer ${this.#tokens.ops}`,
      'content-type': 'application/json',
    }
    const url = `${this.#addressOf('admin')}${path}`
    const answer = await fetch(url, { method, headers, body: JSON.stringify(body) })
    return { status: answer.status, text: await answer.text() }
  }

  /** Both of them ask, at a steady rate, until it is over. */
  async #load(perSecond: number): Promise<void> {
    const underWay = new Set<Promise<void>>()
    const begunMs = performance.now()
    for (let sent = 0; !this.#isOver; ) {
      const due = ((performance.now() - begunMs) / 1000) * perSecond
      // A machine that cannot keep up is asked less, not later.
      for (; sent < due && underWay.size < UNDER_WAY_MAX; sent += 1) {
        const one = this.#ask(sent % 2 === 0 ? 'ada' : 'ben')
        underWay.add(one)
        void one.finally(() => underWay.delete(one))
      }
      this.#requests = sent
      await sleep(5)
    }
    await Promise.all(underWay)
  }

  async #ask(who: Who): Promise<void> {
    const bornMs = performance.now()
    const answer = await this.#send(who, `/${who}/1`)
    if (typeof answer === 'string') return void (who === 'ben' && this.#failed.push(answer))
    let text = ''
    for await (const chunk of answer) text += String(chunk)
    const isDone = answer.statusCode === 200
    if (who === 'ada' && isDone) this.#pass('clientMs', bornMs)
    if (who === 'ben' && !isDone) this.#failed.push(`Ben: ${answer.statusCode} ${text}`)
    const isQuarantined = /"reason":"(quarantined|read-only)"/.test(text)
    if (who === 'ada' && !isDone && !isQuarantined) this.#failed.push(`Ada: ${text}`)
  }

  #stream(who: Who) {
    let [events, rest] = [0, '']
    let ended: string | undefined
    let answer: IncomingMessage | undefined
    void this.#send(who, `/${who}/stream`, this.#streaming[who]).then((got) => {
      if (typeof got === 'string') ended = got
      else {
        answer = got
        got.on('data', (chunk) => {
          rest += String(chunk)
          const end = rest.lastIndexOf('\n\n') + 2
          for (const [, bornMs] of rest.slice(0, end).matchAll(/^data: (.*)$/gm)) {
            events += 1
            if (who === 'ada') this.#pass('clientMs', Number(bornMs))
          }
          rest = rest.slice(end)
        })
        got.on('error', () => undefined)
        got.on('close', () => {
          ended = got.complete ? 'whole' : 'broken'
        })
      }
    })
    return {
      events: () => events,
      ended: () => ended,
      close: () => answer?.destroy(),
    }
  }

  #send(who: Who, path: string, agent = this.#agents[who]): Promise<IncomingMessage | string> {
    const authorization = `Bearer ${this.#tokens[who]}`
    const headers = { authorization, 'content-length': '0', [BORN]: String(performance.now()) }
    const url = `${this.#addressOf('main').replace('0.0.0.0', '127.0.0.1')}${path}`
    return new Promise((resolve) => {
      const asked = request(
        url,
        { agent, method: METHOD[who], headers, localAddress: ADDRESS[who] },
        resolve,
      )
      asked.on('error', (error) => resolve(String(error)))
      asked.end()
    })
  }

  #addressOf(name: string): string {
    return this.#addresses.find((each) => each.startsWith(`${name} `))?.split(' ')[1] ?? ''
  }

  async #stop(): Promise<void> {
    const { child, ended } = this.#gateway
    child.kill('SIGTERM')
    await ended
  }

  /** The ledger holds; every stream that was cut says why, and each measure is on record. */
  async #judge({ streams }: ContainPlan): Promise<void> {
    const data = join(this.#root, 'data')
    const verified = await run(['verify', data, '--no-memory'])
    assert.equal(verified.exit, 0, verified.out + verified.err)
    const found = { cut: 0, contained: 0, lifted: 0 }
    const options = { disk: nodeDisk(), data, epoch: 1 }
    for await (const { kind, sections } of readRecords(options)) {
      const how = sections.how as How | undefined
      const what = sections.what as AdminFacts | undefined
      const isCut = how?.error === 'quarantined' || how?.error === 'read-only'
      if (kind === 'outcome' && isCut && how?.ended === 'upstream-aborted') found.cut += 1
      if (kind === 'admin' && what?.operation === 'contain') found.contained += 1
      if (kind === 'admin' && what?.operation === 'lift') found.lifted += 1
    }
    assert.equal(found.contained, this.#measures)
    assert.equal(found.lifted, this.#measures)
    assert.equal(found.cut, (streams / 2) * this.#measures, 'each stream of Ada has such an end')
  }

  async close(): Promise<void> {
    this.#gateway.child.kill('SIGKILL')
    await this.#gateway.ended
    for (const agents of [this.#agents, this.#streaming]) {
      for (const agent of Object.values(agents)) agent.destroy()
    }
    for (const server of this.#upstreams) {
      server.closeAllConnections()
      server.close()
    }
    rmSync(this.#root, { recursive: true })
  }
}

function agentFrom(localAddress: string): Agent {
  return new Agent({ keepAlive: true, maxSockets: 256, localAddress } as object)
}

async function upstream(who: Who, reached: (who: Who, bornMs: number) => void): Promise<Server> {
  const server = createServer((asked, answer) => {
    reached(who, Number(asked.headers[BORN]))
    if (!asked.url?.endsWith('/stream')) return void answer.end('done')
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => answer.write(`data: ${performance.now()}\n\n`), EVENT_EVERY_MS)
    answer.on('close', () => clearInterval(timer))
  })
  // A kept connection is not closed in the moment in which it is used again.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  return server
}

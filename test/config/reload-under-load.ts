// A gateway as `countersign start` runs it, under load, while its configuration changes. Every
// version is to be seen in the route, in the policy and in the upstream, so that a request that was
// judged by parts of two versions shows: in its answer, or in its records.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConfigFacts, PolicyFacts, Via, What, Why } from '@countersign/evidence'
import { createKey } from '../../packages/gateway/src/identity/index.ts'
import { nodeDisk, systemClock, systemRandom } from '../../packages/gateway/src/platform/index.ts'
import { type ReadRecord, readRecords } from '../../packages/gateway/src/verify/index.ts'
import { startCommand, waitFor } from '../demo-process.ts'
import { run } from '../run-cli.ts'

export interface Plan {
  readonly seconds: number
  readonly perSecond: number
  readonly changes: number
  /** Which of the changes are none: 1 is the first. */
  readonly invalid: readonly number[]
  /** Processes that serve. */
  readonly workers?: number
}

export interface LoadReport {
  readonly requests: number
  readonly seconds: number
  readonly failed: readonly string[]
  readonly records: number
  /** Requests judged by each version. */
  readonly byVersion: ReadonlyMap<number, number>
}

const TRIGGERS = ['signal', 'admin', 'file'] as const
type Trigger = (typeof TRIGGERS)[number]

const SLOW_MS = 700
const UNDER_WAY_MAX = 1000
/** A version is left when so many requests have been sent under it, however slow the machine is. */
const REQUESTS_EACH_MIN = 20

/** Runs the plan, and fails where a promise of it is broken. */
export async function reloadUnderLoad(plan: Plan): Promise<LoadReport> {
  const bench = await Bench.open(plan.workers ?? 1)
  try {
    const load = bench.load(plan)
    await bench.changeAll(plan).finally(() => bench.finish())
    const answers = await load
    await bench.stop()
    const verified = await run(['verify', join(bench.data, 'data'), '--no-memory'])
    assert.equal(verified.exit, 0, verified.out + verified.err)
    return { ...answers, ...(await bench.judge(plan)) }
  } finally {
    await bench.close()
  }
}

class Bench {
  readonly data: string
  readonly #config: string
  readonly #tokens: { readonly ada: string; readonly ops: string }
  readonly #upstreams: readonly Server[]
  readonly #ports: readonly number[]
  readonly #gateway: ReturnType<typeof startCommand>
  #sent = 0
  readonly #workers: number
  #isFinished = false
  #gatewayUrl = ''
  #adminUrl = ''

  private constructor(data: string, upstreams: readonly Server[], workers: number) {
    const making = { clock: systemClock(), random: systemRandom() }
    const ada = createKey('', { principal: 'ada' }, making)
    const ops = createKey(ada.text, { principal: 'ops', kind: 'service' }, making)
    this.data = data
    this.#config = join(data, 'gateway.yaml')
    this.#tokens = { ada: ada.token, ops: ops.token }
    this.#upstreams = upstreams
    this.#workers = workers
    this.#ports = upstreams.map((each) => (each.address() as AddressInfo).port)
    writeFileSync(join(data, 'keys.yaml'), ops.text)
    this.#write(0)
    this.#gateway = startCommand(['start', '--config', this.#config, '--json'])
  }

  static async open(workers: number): Promise<Bench> {
    const data = mkdtempSync(join(tmpdir(), 'countersign-reload-'))
    const bench = new Bench(data, [await upstream('even'), await upstream('odd')], workers)
    let said = ''
    bench.#gateway.child.stdout?.on('data', (chunk) => {
      said += String(chunk)
    })
    await waitFor(() => said.includes('\n') || bench.#gateway.child.exitCode !== null)
    const { addresses = [] } = JSON.parse(said) as { readonly addresses?: readonly string[] }
    bench.#gatewayUrl = addresses[0]?.split(' ')[1] ?? ''
    bench.#adminUrl = addresses.at(-1)?.split(' ')[1] ?? ''
    return bench
  }

  /** Everything has changed that was to change: the load may end. */
  finish(): void {
    this.#isFinished = true
  }

  /** Requests at a steady rate; resolves when each of them has its answer. */
  async load({ seconds, perSecond }: Plan): Promise<Omit<LoadReport, 'records' | 'byVersion'>> {
    const agent = new Agent({ keepAlive: true, maxSockets: 128 })
    const failed: string[] = []
    const underWay = new Set<Promise<void>>()
    const begunMs = performance.now()
    while (this.#sent < seconds * perSecond || !this.#isFinished) {
      const due = ((performance.now() - begunMs) / 1000) * perSecond
      for (; this.#sent < due && underWay.size < UNDER_WAY_MAX; this.#sent += 1) {
        const nth = this.#sent
        const one = this.#ask(agent, nth).then((answer) => {
          if (answer !== '200') failed.push(`request ${nth}: ${answer}`)
        })
        underWay.add(one)
        void one.finally(() => underWay.delete(one))
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await Promise.all(underWay)
    agent.destroy()
    return { requests: this.#sent, failed, seconds: (performance.now() - begunMs) / 1000 }
  }

  /** Most are quick; some have a body, and some last longer than it takes to change everything. */
  #ask(agent: Agent, nth: number): Promise<string> {
    const [path, method, body] =
      nth % 50 === 0
        ? (['/orders/slow', 'GET', ''] as const)
        : nth % 7 === 0
          ? (['/orders', 'POST', '{"item":1}'] as const)
          : (['/orders/1', 'GET', ''] as const)
    return new Promise((resolve) => {
      const headers = { authorization: `Bearer ${this.#tokens.ada}` }
      const asked = request(`${this.#gatewayUrl}${path}`, { agent, method, headers }, (answer) => {
        let text = ''
        answer.on('data', (chunk) => {
          text += String(chunk)
        })
        answer.on('end', () => resolve(answer.statusCode === 200 ? '200' : text))
        answer.on('error', (error) => resolve(String(error)))
      })
      asked.on('error', (error) => resolve(String(error)))
      asked.end(body)
    })
  }

  async changeAll({ seconds, changes, invalid }: Plan): Promise<void> {
    const pauseMs = (seconds * 1000) / (changes + 1)
    await this.#pause(pauseMs)
    for (let version = 1; version <= changes; version += 1) {
      const trigger = TRIGGERS[version % TRIGGERS.length] ?? 'admin'
      if (invalid.includes(version)) await this.#spoil(version)
      else await this.#change(version, trigger)
      await this.#pause(pauseMs)
    }
  }

  async #pause(ms: number): Promise<void> {
    const enough = this.#sent + REQUESTS_EACH_MIN
    await new Promise((resolve) => setTimeout(resolve, ms))
    await waitFor(() => this.#sent >= enough)
  }

  async #change(version: number, trigger: Trigger): Promise<void> {
    this.#write(version)
    if (trigger === 'signal') this.#gateway.child.kill('SIGHUP')
    if (trigger === 'admin') {
      const answer = await this.#admin('POST', '/api/reload')
      assert.equal(answer.status, 200, await answer.text())
    }
    await waitFor(async () => (await this.#textInForce()).includes(`version ${version}\n`))
  }

  /** What cannot come into force, in one way or another, asked for over the control plane. */
  async #spoil(version: number): Promise<void> {
    const ways = [
      {
        config: (text: string) => `${text}bogus: 1\n`,
        problem: /"path":"bogus","line":\d+,"message":"unknown key/,
      },
      { config: (text: string) => `${text}\n{`, problem: /gateway\.yaml/ },
      {
        policy: 'permit (principal == Usr::"ada", action, resource);',
        problem: /"file":"orders\.cedar","line":1/,
      },
      {
        config: (text: string) => text.replace('data: data', 'data: other'),
        problem: /"path":"data","message":"cannot change while the gateway runs/,
      },
      {
        config: (text: string) =>
          text.replace(/(port: 0)( })/, '$1, tls: { certificate: a, key: b }$2'),
        problem: /tls/,
      },
    ] as const
    const way = ways[version % ways.length] ?? ways[0]
    this.#write(version, way)
    const answer = await this.#admin('POST', '/api/reload')
    const told = await answer.text()
    assert.equal(answer.status, 422, told)
    assert.match(told, way.problem)
  }

  async #textInForce(): Promise<string> {
    const answer = await this.#admin('GET', '/api/config')
    return ((await answer.json()) as { readonly configuration: { readonly text: string } })
      .configuration.text
  }

  #admin(method: string, path: string): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#tokens.ops}` }
    return fetch(`${this.#adminUrl}${path}`, { method, headers })
  }

  /** Policies in a directory of their own, then the configuration that names it, in one step. */
  #write(
    version: number,
    wrong: { readonly config?: (text: string) => string; readonly policy?: string } = {},
  ): void {
    const directory = join(this.data, `policies-${version}`)
    mkdirSync(directory)
    writeFileSync(join(directory, 'orders.cedar'), wrong.policy ?? policyOf(version))
    const text = configOf(version, this.#ports[version % 2] ?? 0, this.#workers)
    writeFileSync(`${this.#config}.next`, wrong.config?.(text) ?? text)
    renameSync(`${this.#config}.next`, this.#config)
  }

  async stop(): Promise<void> {
    this.#gateway.child.kill('SIGTERM')
    const { exit, err } = await this.#gateway.ended
    assert.equal(exit, 0, err)
  }

  /** Holds every record against the versions that the ledger itself tells of. */
  async judge({ changes, invalid }: Plan): Promise<Pick<LoadReport, 'records' | 'byVersion'>> {
    const judge = new Judge(this.#ports)
    for await (const record of readRecords({
      disk: nodeDisk(),
      data: join(this.data, 'data'),
      epoch: 1,
    })) {
      judge.take(record)
    }
    const valid = changes - invalid.length
    assert.equal(judge.loaded.length, valid + 1, 'every change is in the ledger, and the start')
    assert.equal(judge.refused.size, invalid.length, 'and every one that was refused')
    return { records: judge.records, byVersion: judge.byVersion }
  }

  async close(): Promise<void> {
    this.#gateway.child.kill('SIGKILL')
    await this.#gateway.ended
    for (const server of this.#upstreams) {
      server.close()
      server.closeAllConnections()
    }
    rmSync(this.data, { recursive: true, force: true })
  }
}

/** What the ledger says of versions, and whether what it says of requests agrees. */
class Judge {
  readonly loaded: { readonly sha256: string; readonly version: number }[] = []
  readonly byVersion = new Map<number, number>()
  records = 0
  /** By digest: on a slow machine the changed file is noticed before anybody asks, and told too. */
  readonly refused = new Set<string>()
  readonly #ports: readonly number[]
  readonly #policySets = new Map<string, number>()
  readonly #exchanges = new Map<string, number>()

  constructor(ports: readonly number[]) {
    this.#ports = ports
  }

  take({ kind, index, sections }: ReadRecord): void {
    this.records += 1
    const { what, why, via, when } = sections
    const exchange = (when as { readonly exchange?: string }).exchange ?? ''
    if (kind === 'config') this.#config(what as unknown as ConfigFacts)
    if (kind === 'policy') this.#policy(what as unknown as PolicyFacts)
    assert.notEqual(kind, 'refusal', `record ${index} refuses: ${JSON.stringify(sections)}`)
    if (kind === 'intent') {
      this.#exchanges.set(exchange, this.#intent(index, what as What, why as unknown as Why))
    }
    if (kind === 'outcome')
      this.#outcome(index, this.#exchanges.get(exchange), via as unknown as Via)
  }

  #config({ act, sha256, previous, by, files = [], problems = [] }: ConfigFacts): void {
    assert.equal(previous, this.loaded.at(-1)?.sha256, 'each names the one before')
    if (act === 'refused') {
      this.refused.add(sha256)
      assert.ok(problems.length > 0)
      return
    }
    const version = Number(/# version (\d+)\n/.exec(files[0]?.text ?? '')?.[1])
    const asked = version === 0 ? 'start' : TRIGGERS[version % TRIGGERS.length]
    assert.ok(by === asked || by === 'file', `version ${version} by ${by}`)
    this.loaded.push({ sha256, version })
  }

  #policy({ act, sha256, files = [] }: PolicyFacts): void {
    if (act === 'refused') {
      this.refused.add(sha256)
      return
    }
    const text = files.find(({ name }) => name === 'orders.cedar')?.text ?? ''
    this.#policySets.set(sha256, Number(/permit-v(\d+)/.exec(text)?.[1]))
  }

  /** Route, policy, policy set and configuration are of one version, which is on record before. */
  #intent(index: number, { route }: What, why: Why): number {
    const found = this.loaded.find(({ sha256 }) => sha256 === why.configurationSha256)
    assert.ok(found !== undefined, `intent ${index} goes by what is not on record yet`)
    const { version } = found
    assert.equal(route, `v${version}`, `intent ${index}`)
    assert.deepEqual(why.policies, [`permit-v${version}`], `intent ${index}`)
    assert.equal(this.#policySets.get(why.policySetSha256 ?? ''), version, `intent ${index}`)
    this.byVersion.set(version, (this.byVersion.get(version) ?? 0) + 1)
    return version
  }

  #outcome(index: number, version: number | undefined, { address }: Via): void {
    assert.ok(version !== undefined, `outcome ${index} has no intent`)
    assert.equal(address, `127.0.0.1:${this.#ports[version % 2]}`, `outcome ${index}`)
  }
}

async function upstream(name: string): Promise<Server> {
  const server = createServer((asked, answer) => {
    const reply = (): void => {
      asked.resume()
      answer.end(`{"from":"${name}"}\n`)
    }
    if (asked.url === '/orders/slow') setTimeout(reply, SLOW_MS)
    else reply()
  })
  // A kept connection is not closed in the moment in which it is used again.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

function policyOf(version: number): string {
  return `@id("permit-v${version}")
permit (principal == User::"ada", action, resource == Route::"v${version}");
`
}

function configOf(version: number, upstreamPort: number, workers: number): string {
  return `# version ${version}
version: 1
workers: ${workers}
data: data
log: { level: error }
listeners:
  - { name: main, port: 0 }
admin: { port: 0, roles: { operator: [{ principal: ops }] } }
identity: { keysFile: keys.yaml }
policies: { directory: policies-${version} }
limits: { loopLagMs: 60000, ledgerLagMs: 600000 }
upstreams:
  orders: { url: "http://127.0.0.1:${upstreamPort}" }
routes:
  - { name: v${version}, path: /orders, upstream: orders }
`
}

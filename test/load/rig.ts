// A gateway as `countersign start` runs it, in a process of its own, before an upstream in ours.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKey } from '../../packages/gateway/src/identity/index.ts'
import { systemClock, systemRandom } from '../../packages/gateway/src/platform/index.ts'
import { type GatewayLife, startLife } from '../faults/scratch-gateway.ts'
import { freePort } from '../free-port.ts'
import { Upstream } from './upstream.ts'

const MIB = 1_048_576

export interface RigOptions {
  /** More of `identity`, as YAML in one line each. */
  readonly identity?: readonly string[]
  /** Where the gateway finds its upstream, when that is not the upstream itself. */
  readonly upstreamPort?: (upstream: Upstream) => Promise<number>
  readonly policy?: string
}

export const PERMIT_ALL = 'permit (principal, action, resource);\n'

/** What the gateway's own figures are at one moment. */
export type Metrics = ReadonlyMap<string, number>

export class Rig {
  readonly directory: string
  readonly data: string
  readonly upstream: Upstream
  /** `ada` is somebody; `ops` administers. */
  readonly tokens: { readonly ada: string; readonly ben: string; readonly ops: string }
  readonly port: number
  #life: GatewayLife | undefined

  private constructor(parts: Pick<Rig, 'directory' | 'upstream' | 'tokens' | 'port'>) {
    this.directory = parts.directory
    this.data = join(parts.directory, 'data')
    this.upstream = parts.upstream
    this.tokens = parts.tokens
    this.port = parts.port
  }

  static async open(options: RigOptions = {}): Promise<Rig> {
    const directory = mkdtempSync(join(tmpdir(), 'countersign-load-'))
    const making = { clock: systemClock(), random: systemRandom() }
    const ada = createKey('', { principal: 'ada' }, making)
    const ben = createKey(ada.text, { principal: 'ben' }, making)
    const ops = createKey(ben.text, { principal: 'ops' }, making)
    writeFileSync(join(directory, 'keys.yaml'), ops.text)
    mkdirSync(join(directory, 'policies'))
    const upstream = await Upstream.open()
    // The port stays the same over restarts, so that callers find it again.
    const port = await freePort()
    const upstreamPort = (await options.upstreamPort?.(upstream)) ?? upstream.port
    const tokens = { ada: ada.token, ben: ben.token, ops: ops.token }
    const rig = new Rig({ directory, upstream, tokens, port })
    rig.writePolicy(options.policy ?? PERMIT_ALL)
    const identity = ['keysFile: keys.yaml', ...(options.identity ?? [])]
    writeFileSync(rig.config, configuration(port, upstreamPort, identity))
    await rig.start()
    return rig
  }

  get config(): string {
    return join(this.directory, 'countersign.yaml')
  }

  get life(): GatewayLife {
    assert.ok(this.#life !== undefined, 'the gateway runs')
    return this.#life
  }

  writePolicy(text: string): void {
    writeFileSync(join(this.directory, 'policies', 'load.cedar'), text)
  }

  async start(): Promise<void> {
    this.#life = await startLife(this.config)
  }

  async stop(signal: NodeJS.Signals): Promise<number | string> {
    return this.life.stop(signal)
  }

  admin(method: string, path: string): Promise<Response> {
    const at = this.life.addresses.find((each) => each.startsWith('admin '))?.slice('admin '.length)
    const headers = { authorization: `Bearer ${this.tokens.ops}` }
    return fetch(new URL(path, at), { method, headers })
  }

  async metrics(): Promise<Metrics> {
    const text = await (await this.admin('GET', '/metrics')).text()
    const lines = text.matchAll(/^([a-z0-9_]+(?:\{[^}]*\})?) ([0-9.e+-]+)$/gm)
    return new Map([...lines].map(([, name = '', value]) => [name, Number(value)]))
  }

  /** What the operating system says of the process. */
  standing(): { readonly rssMiB: number; readonly descriptors: number } {
    const { pid = 0 } = this.life.process
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const rssMiB = (Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024) / MIB
    return { rssMiB, descriptors: readdirSync(`/proc/${pid}/fd`).length }
  }

  async close(): Promise<void> {
    this.#life?.process.kill('SIGKILL')
    await this.upstream.close()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

function configuration(port: number, upstreamPort: number, identity: readonly string[]): string {
  return `version: 1
gateway: load
origin: countersign.test
data: data
log: { level: error }
disk: { reserveBytes: 1048576, warnFreePercent: 0, warnFreeBytes: 0, refuseFreeBytes: 0 }
# A machine that others use is late: shedding is measured elsewhere.
limits: { loopLagMs: 60000, ledgerLagMs: 60000 }
listeners:
  - { name: main, host: 127.0.0.1, port: ${port} }
admin: { host: 127.0.0.1, port: 0, roles: { operator: [{ principal: ops }] } }
identity:
${identity.map((line) => `  ${line}`).join('\n')}
policies: { directory: policies }
upstreams:
  behind: { url: "http://127.0.0.1:${upstreamPort}" }
routes:
  - { name: all, path: /, upstream: behind, headers: [] }
`
}

// A gateway as a process of its own, on one core. `strict` is the program as it is, and so are
// `relaxed` with a route that is and `workers2` with two workers; `off` is the
// same proxy with a recorder that remembers nothing, which only this bench composes; `bare` is
// Node's HTTP server in front of an undici pool, without a line of ours.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Pool } from 'undici'
import { openGateway } from '../packages/gateway/src/compose/gateway.ts'
import { realMachine } from '../packages/gateway/src/compose/machine.ts'
import { prepare } from '../packages/gateway/src/compose/prepare.ts'
import { startRedaction } from '../packages/gateway/src/compose/start-redaction.ts'
import { Containment } from '../packages/gateway/src/containment/index.ts'
import {
  Authenticators,
  apiKeys,
  createKey,
  parseKeysFile,
} from '../packages/gateway/src/identity/index.ts'
import { DEFAULT_LIMITS } from '../packages/gateway/src/limits/index.ts'
import { tuneRuntime } from '../packages/gateway/src/platform/index.ts'
import { PolicySet } from '../packages/gateway/src/policy/index.ts'
import { AccessProxy, routeSchema } from '../packages/gateway/src/proxy/index.ts'
import { upstreamSchema } from '../packages/gateway/src/upstream/index.ts'
import { forgetful } from './web.forgetful.ts'

tuneRuntime()

export type Mode = 'bare' | 'off' | 'relaxed' | 'strict' | 'workers2'

/** What the parent asks for: the mode, an empty directory, and where the upstream is. */
export interface GatewayOrder {
  readonly mode: Mode
  readonly data: string
  readonly upstream: string
}

export interface GatewayReady {
  readonly port: number
  readonly key: string
}

/** Microseconds of CPU since the process began: of all threads and workers, and of this thread. */
export interface CpuTimes {
  readonly allUs: number
  readonly requestThreadUs: number
}

const POLICY = `@id("ada-reads")
permit (principal == User::"ada", action in Action::"read", resource);`
const { clock, random } = realMachine()
const { text: keysText, token } = createKey('', { principal: 'ada' }, { clock, random })

process.on('message', (order: GatewayOrder | 'cpu') => {
  if (order === 'cpu') return void process.send?.(cpuTimes())
  void open(order).then((port) => process.send?.({ port, key: token } satisfies GatewayReady))
})

function cpuTimes(): CpuTimes {
  const all = process.cpuUsage()
  const own = process.threadCpuUsage()
  const allUs = all.user + all.system + workersUs()
  return { allUs, requestThreadUs: own.user + own.system }
}

/** Of the processes that the gateway has started, all threads. */
function workersUs(): number {
  const tasks = `/proc/${process.pid}/task`
  const pids = readdirSync(tasks).flatMap((task) => {
    return readFileSync(`${tasks}/${task}/children`, 'utf8')
      .split(' ')
      .filter((pid) => pid !== '')
  })
  return pids.reduce((sum, pid) => {
    const threads = `/proc/${pid}/task`
    return readdirSync(threads).reduce((us, thread) => {
      const [ranNs = 0] = readFileSync(`${threads}/${thread}/schedstat`, 'utf8').split(' ')
      return us + Number(ranNs) / 1000
    }, sum)
  }, 0)
}

function open({ mode, data, upstream }: GatewayOrder): Promise<number> {
  if (mode === 'bare') return openBare(upstream)
  return mode === 'off' ? openUnrecorded(upstream) : openRecorded(mode, data, upstream)
}

async function openBare(upstream: string): Promise<number> {
  const pool = new Pool(upstream, { connections: 128, pipelining: 1, allowH2: false })
  const server = createServer((request, response) => {
    pool.dispatch(
      { method: 'GET', path: request.url ?? '/', headers: [] },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, status, headers) => void response.writeHead(status, headers),
        onResponseData: (_controller, chunk) => void response.write(chunk),
        onResponseEnd: () => void response.end(),
        onResponseError: () => void response.destroy(),
      },
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

async function openUnrecorded(upstream: string): Promise<number> {
  const policies = PolicySet.compile([{ name: 'bench', text: POLICY }])
  const keys = parseKeysFile(keysText)
  const proxy = await AccessProxy.open({
    ...realMachine(),
    recorder: forgetful(),
    containment: await nothingContained(),
    limits: DEFAULT_LIMITS,
    listeners: [{ name: 'main', host: '127.0.0.1', port: 0 }],
    upstreams: { upstream: upstreamSchema.parse({ url: upstream }) },
    routes: [routeSchema.parse({ name: 'all', path: '/', upstream: 'upstream' })],
    configurationSha256: '0'.repeat(64),
    authenticators: new Authenticators([apiKeys(() => keys)]),
    policies,
    answerOwn: async () => new Response(),
    startRedaction,
  })
  return proxy.addresses[0]?.port ?? 0
}

async function openRecorded(
  record: 'strict' | 'relaxed' | 'workers2',
  data: string,
  upstream: string,
): Promise<number> {
  for (const name of ['policies', 'state']) mkdirSync(join(data, name), { recursive: true })
  writeFileSync(join(data, 'keys.yaml'), keysText)
  writeFileSync(join(data, 'policies', 'bench.cedar'), POLICY)
  const config = join(data, 'countersign.yaml')
  writeFileSync(config, configText(record, upstream))
  const gateway = await openGateway(await prepare(config), realMachine())
  const main = gateway.addresses.find((address) => address.startsWith('main '))
  return Number(main?.split(':').at(-1))
}

function configText(mode: string, upstream: string): string {
  const workers = mode === 'workers2' ? 2 : 1
  const record = mode === 'relaxed' ? mode : 'strict'
  return `version: 1
workers: ${workers}
gateway: bench
origin: bench
data: .
log: { level: error }
listeners: [{ name: main, host: 127.0.0.1, port: 0 }]
admin: { host: localhost, port: 0 }
identity: { keysFile: keys.yaml }
policies: { directory: policies }
upstreams: { upstream: { url: "${upstream}" } }
routes: [{ name: all, path: /, upstream: upstream, record: ${record} }]
`
}

function nothingContained(): Promise<Containment> {
  return Containment.open({
    ...realMachine(),
    store: { load: async () => [], put: async () => undefined, remove: async () => undefined },
    recorder: { act: async () => undefined, actant: () => ({ subject: '0'.repeat(32) }) },
    onFault: (fault) => {
      throw fault
    },
  })
}

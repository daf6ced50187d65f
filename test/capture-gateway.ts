// A gateway process whose routes capture, before an upstream that echoes what it is sent.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { How, What } from '../packages/evidence/src/index.ts'
import { type GatewayLife, startLife } from './faults/scratch-gateway.ts'
import { layOut, newKey } from './laid-out.ts'
import { run } from './run-cli.ts'

export interface CaptureGateway {
  readonly directory: string
  readonly data: string
  readonly token: string
  /** Requests that reached the upstream. */
  received(): number
  start(): Promise<GatewayLife>
  close(): Promise<void>
}

/** `routes`: the `capture` of each, in YAML, by the name that is the first segment of its path. */
export async function captureGateway(
  routes: Readonly<Record<string, string>>,
  more: { readonly data?: string; readonly workers?: number } = {},
): Promise<CaptureGateway> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-capture-'))
  const { data = join(directory, 'data'), workers = 1 } = more
  let received = 0
  let life: GatewayLife | undefined
  const upstream = createServer((request, response) => {
    received += 1
    const type = request.headers['content-type']
    const coding = request.headers['content-encoding']
    if (type !== undefined) response.setHeader('content-type', type)
    if (coding !== undefined) response.setHeader('content-encoding', coding)
    request.pipe(response)
  })
  // A kept connection is not closed in the moment in which it is used again.
  upstream.keepAliveTimeout = 0
  const port = await listen(upstream)
  const config = await layOut(directory, configuration(data, port, workers, routes))
  return {
    directory,
    data,
    token: await newKey(config, 'ada'),
    received: () => received,
    start: async () => {
      life = await startLife(config)
      return life
    },
    close: async () => {
      if (life?.process.exitCode === null) await life.stop('SIGKILL')
      upstream.closeAllConnections()
      await new Promise((resolve) => upstream.close(resolve))
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function configuration(
  data: string,
  port: number,
  workers: number,
  routes: Readonly<Record<string, string>>,
): string {
  const lines = Object.entries(routes).map(
    ([name, capture]) =>
      `  - { name: ${name}, path: /${name}, upstream: echo, capture: { ${capture} } }\n`,
  )
  return `version: 1
workers: ${workers}
gateway: capture
origin: countersign.test
data: ${data}
disk: { reserveBytes: 0, warnFreeBytes: 0, warnFreePercent: 0, refuseFreeBytes: 0 }
log: { level: error }
listeners:
  - { name: main, host: 127.0.0.1, port: 0, protocols: [h2, http/1.1] }
admin: { host: 127.0.0.1, port: 0 }
identity: { keysFile: api-keys.yaml }
policies: { directory: policies }
upstreams:
  echo: { url: "http://127.0.0.1:${port}" }
routes:
${lines.join('')}  - { name: plain, path: /plain, upstream: echo }
`
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** Of every record: what it says of bodies. */
export interface ToldRecord {
  readonly index: number
  readonly kind: string
  readonly what: What
  readonly how: Partial<How>
}

export async function records(data: string): Promise<readonly ToldRecord[]> {
  const told: ToldRecord[] = []
  for (let index = 0; ; index += 1) {
    const shown = await run(['show', `${index}`, '--data', data, '--json'])
    if (shown.exit !== 0) return told
    const { kind, sections } = JSON.parse(shown.out) as {
      kind: string
      sections: readonly { section: string; value: object }[]
    }
    const of = (name: string): object =>
      sections.find(({ section }) => section === name)?.value ?? {}
    told.push({ index, kind, what: of('what'), how: of('how') })
  }
}

/** A captured body, as the CLI opens it. */
export async function bodyOf(
  { directory, data }: CaptureGateway,
  index: number,
  direction: 'request' | 'response',
): Promise<string> {
  const out = join(directory, `body-${index}-${direction}`)
  await rm(out, { force: true })
  const opened = await run([
    'body',
    `${index}`,
    '--direction',
    direction,
    '--out',
    out,
    '--data',
    data,
  ])
  assert.equal(opened.exit, 0, opened.err)
  return readFile(out, 'utf8')
}

/** Paths of body files below `bodies`, those that wait among them. */
export async function bodyFiles(data: string): Promise<readonly string[]> {
  const all = await readdir(join(data, 'bodies'), { recursive: true, withFileTypes: true })
  return all
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

export async function verified(data: string): Promise<{
  readonly exit: number
  readonly bad: readonly { kind: string; file: string | null; why: string }[]
  readonly notChecked: readonly { kind: string; file: string | null; why: string }[]
}> {
  const { out } = await run(['verify', data, '--no-memory', '--json'])
  return JSON.parse(out)
}

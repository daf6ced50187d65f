// A gateway as an operator runs it (`start --config`), before a demo API that outlives it: what the
// API received is told by a process that no fault of the gateway can reach.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { type DemoApi, startApi } from '../../packages/gateway/src/demo/index.ts'
import { layOut, newKey } from '../laid-out.ts'
import { API, MAIN } from '../program.ts'

const START_MS_MAX = 120_000

/** One life of the gateway process. */
export interface GatewayLife {
  readonly process: ChildProcess
  readonly url: string
  /** Every listener, as `name url`. */
  readonly addresses: readonly string[]
  readonly origin: string
  /** What it has said on its error output. */
  errors(): string
  /** Sends a signal and waits for the end: exit code, or the signal's name. */
  stop(signal: NodeJS.Signals): Promise<number | string>
}

export interface ScratchGateway {
  readonly directory: string
  readonly data: string
  /** Of a principal who may read and write orders. */
  readonly token: string
  start(command?: 'start' | 'supervise'): Promise<GatewayLife>
  /** What the API says that reached it. */
  received(): Promise<{ readonly count: number; readonly ids: readonly string[] }>
  close(): Promise<void>
}

/** What a test adds to the configuration: at its end, and within its route. */
export interface MoreYaml {
  readonly file?: string
  readonly route?: string
  /** Within its limits. */
  readonly limits?: string
}

/** Lays out configuration, keys and policies; the ledger's data may lie elsewhere. */
export async function scratchGateway(
  directory: string,
  data: string,
  disk: string = NO_RESERVE,
  recording: 'strict' | 'relaxed' = 'strict',
  more: MoreYaml = {},
): Promise<ScratchGateway> {
  const api = await startApi(API, 0)
  const config = await layOut(
    directory,
    configuration(data, { disk, recording, more }, api),
    '@id("ada") permit (principal == User::"ada", action, resource == Route::"orders");\n',
  )
  return {
    directory,
    data,
    token: await newKey(config, 'ada'),
    start: (command) => startLife(config, command),
    received: async () => {
      const response = await fetch(`http://127.0.0.1:${api.port}/__received`)
      return (await response.json()) as { count: number; ids: string[] }
    },
    close: () => api.close(),
  }
}

/** Nothing is kept, nothing is told: a disk is full when it is full. */
const NO_RESERVE = '{ reserveBytes: 0, warnFreeBytes: 0, warnFreePercent: 0, refuseFreeBytes: 0 }'

/** What a crash may take of a relaxed scratch gateway. */
export const RELAXED_RECORDS_MAX = 20

function configuration(
  data: string,
  {
    disk,
    recording,
    more: { file = '', route = '', limits = '' },
  }: { readonly disk: string; readonly recording: string; readonly more: MoreYaml },
  api: DemoApi,
): string {
  return `version: 1
gateway: scratch
origin: countersign.test
data: ${data}
disk: ${disk}
log: { level: error }
listeners:
  - { name: main, host: 127.0.0.1, port: 0 }
admin: { host: 127.0.0.1, port: 0, roles: { operator: [{ principal: ada }] } }
identity: { keysFile: api-keys.yaml }
policies: { directory: policies }
upstreams:
  orders: { url: "http://127.0.0.1:${api.port}" }
routes:
  - { name: orders, path: /orders, upstream: orders, headers: [], record: ${recording}${route} }
limits:
  { relaxedRecordsMax: ${RELAXED_RECORDS_MAX}, relaxedWindowMs: 1000, loopLagMs: 60000,
    ledgerLagMs: 600000${limits} }
${file}`
}

/** Runs `start --config` until it is stopped. */
export async function startLife(
  config: string,
  command: 'start' | 'supervise' = 'start',
  [program, ...first]: readonly [string, ...string[]] = [process.execPath, MAIN],
): Promise<GatewayLife> {
  const child = spawn(program, [...first, command, '--config', config, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += String(chunk)
  })
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code ?? -1))
  })
  const line = await Promise.race([
    firstLine(child),
    ended.then((how) => Promise.reject(new Error(`start ended with ${how}: ${errors}`))),
  ])
  const { addresses, origin } = JSON.parse(line) as { addresses: string[]; origin: string }
  const url = addresses.find((each) => each.startsWith('main '))?.slice('main '.length)
  assert.ok(url !== undefined, `no listener in ${line}`)
  return {
    process: child,
    url,
    addresses,
    origin,
    errors: () => errors,
    stop: (signal) => {
      child.kill(signal)
      return ended
    },
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(
      () => reject(new Error(`no start in ${START_MS_MAX} ms`)),
      START_MS_MAX,
    )
    child.stdout?.on('data', (chunk) => {
      text += String(chunk)
      if (!text.includes('\n')) return
      clearTimeout(timer)
      resolve(text)
    })
  })
}

/** The processes that a gateway has started. */
export async function workersOf({ process: { pid = 0 } }: GatewayLife): Promise<readonly number[]> {
  const tasks = await readdir(`/proc/${pid}/task`)
  const lists = tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8'))
  return (await Promise.all(lists)).flatMap((list) => list.split(' ').filter(Boolean).map(Number))
}

// npm run bench -- proxy [--seconds 10] [--rounds 2] [--modes strict,workers2]: requests a second
// and CPU per request of the gateway, its workers included, on one core; upstream and load
// generator share the other. Modes: bare, off, relaxed, strict, workers2; `bare` is the control.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { CpuTimes, GatewayOrder, GatewayReady, Mode } from './proxy.gateway.ts'
import type { Load, LoadResult } from './proxy.load.ts'
import { namesOf, numberOf } from './run.options.ts'
import type { BenchResult } from './run.ts'

const MODES: readonly Mode[] = ['bare', 'off', 'relaxed', 'strict', 'workers2']
const CONNECTIONS = 64
// A process is as fast as it gets after some 60,000 requests of its own, and two workers share what
// comes: with 8 s one process was measured warm, two workers cold, and they looked half as good.
const WARM_UP_SECONDS = 24
const GATEWAY_CORE = '0'
const OTHER_CORE = '1'

interface Measured {
  readonly requestsPerSecond: number
  readonly cpuUsPerRequest: number
  readonly requestThreadUsPerRequest: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export async function run(): Promise<BenchResult> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      seconds: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '2' },
      modes: { type: 'string', multiple: true, default: [...MODES] },
    },
  })
  const seconds = numberOf(values.seconds, 'seconds')
  const rounds = numberOf(values.rounds, 'rounds')
  const chosen = namesOf(values.modes, 'modes', MODES)
  const data = join(import.meta.dirname, `.proxy-${process.pid}`)
  const upstream = startProcess('proxy.upstream.ts', OTHER_CORE)
  const port = await told<number>(upstream)
  const results: Record<Mode, Measured[]> = {
    bare: [],
    off: [],
    relaxed: [],
    strict: [],
    workers2: [],
  }
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const mode of chosen) {
        const order = { mode, data: join(data, `${round}`), upstream: `http://127.0.0.1:${port}` }
        results[mode].push(await measure(order, seconds))
      }
    }
  } finally {
    upstream.kill()
    rmSync(data, { recursive: true, force: true })
  }
  const best = Object.fromEntries(chosen.map((mode) => [mode, fastest(results[mode])]))
  const pinned = hasTaskset()
  return { bench: 'proxy', figures: { seconds, rounds, connections: CONNECTIONS, pinned, ...best } }
}

async function measure(order: GatewayOrder, seconds: number): Promise<Measured> {
  mkdirSync(order.data, { recursive: true })
  const gateway = startProcess('proxy.gateway.ts', GATEWAY_CORE)
  try {
    gateway.send(order)
    const { port, key } = await told<GatewayReady>(gateway)
    const head = `GET /orders/7 HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${key}\r\n\r\n`
    const load = { port, head, connections: CONNECTIONS, seconds }
    await generate({ ...load, seconds: WARM_UP_SECONDS })
    const before = await cpuOf(gateway)
    const { requests, failed, seconds: took, p50Ms, p99Ms } = await generate(load)
    const after = await cpuOf(gateway)
    if (failed > 0) throw new Error(`${order.mode}: ${failed} of ${requests} requests failed`)
    return {
      requestsPerSecond: Math.round(requests / took),
      cpuUsPerRequest: rounded((after.allUs - before.allUs) / requests),
      requestThreadUsPerRequest: rounded(
        (after.requestThreadUs - before.requestThreadUs) / requests,
      ),
      p50Ms,
      p99Ms,
    }
  } finally {
    gateway.kill('SIGKILL')
    await once(gateway, 'exit')
  }
}

async function generate(load: Load): Promise<LoadResult> {
  const generator = startProcess('proxy.load.ts', OTHER_CORE)
  generator.send(load)
  const result = await told<LoadResult>(generator)
  generator.kill()
  return result
}

async function cpuOf(gateway: ChildProcess): Promise<CpuTimes> {
  gateway.send('cpu')
  return told<CpuTimes>(gateway)
}

/** What a child process says next; rejects when it ends instead. */
async function told<T>(child: ChildProcess): Promise<T> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${child.spawnargs.at(-1)} ended with ${String(code)}`)
  })
  const [message] = (await Promise.race([once(child, 'message'), ended])) as [T]
  return message
}

function startProcess(file: string, core: string): ChildProcess {
  const command = [process.execPath, join(import.meta.dirname, file)] as const
  const pin = hasTaskset() ? (['taskset', '-c', core] as const) : ([] as const)
  const [program = process.execPath, ...args] = [...pin, ...command]
  return spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

function hasTaskset(): boolean {
  return availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0
}

/** Noise on a shared machine only ever slows: the fastest round is nearest to the truth. */
function fastest(rounds: readonly Measured[]): Measured | undefined {
  return rounds.toSorted((one, other) => other.requestsPerSecond - one.requestsPerSecond)[0]
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}

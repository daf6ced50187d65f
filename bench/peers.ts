// npm run bench -- peers [--scenarios http1k,tls1k] [--subjects strict,nginx] [--seconds 5]
// [--rounds 5] [--warm-up 10] [--rates 2000,5000] [--directory DIR]: the gateway beside nginx,
// HAProxy and Caddy on the same core, before the same upstream, under the same load; each plain,
// and each with the nearest work to ours that it has. Every subject runs all the time; one at a
// time is asked, in turns. Medians; then latency at fixed rates. Ratios are what counts: absolute
// rates are this machine's. As for `record`, a directory in which nothing was removed lately makes
// files faster.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { namesOf, numberOf } from './run.options.ts'
import type { BenchResult } from './run.ts'
import {
  answers,
  CONNECTIONS,
  freePort,
  type Measured,
  measure,
  median,
  need,
  OTHER_CORE,
  rounded,
  runLoad,
  stopNow,
  writeLoad,
} from './web.load.ts'
import type { OpenLoad, OpenLoadResult } from './web.open-loop.ts'
import {
  type Bench,
  makeCredentials,
  type Place,
  POLICIES,
  startCaddy,
  startGateway,
  startHaproxy,
  startNginx,
  startUpstream,
} from './web.subjects.ts'

const TOKENS = 1000
const RATE_WARM_UP_SECONDS = 2
const COMPLETE = { policies: POLICIES, hasQuota: true }
type Start = (place: Place, bench: Bench) => ChildProcess

/** `strict`, `relaxed` and `off` decide alike: a known JWT, 50 policies, a quota. */
const SUBJECTS: Readonly<Record<string, Start>> = {
  strict: (place, bench) => startGateway(place, COMPLETE, bench),
  relaxed: (place, bench) => startGateway(place, { ...COMPLETE, recording: 'relaxed' }, bench),
  off: (place, bench) => startGateway(place, { ...COMPLETE, isRecording: false }, bench),
  haproxy: (place, bench) => startHaproxy(place, 'plain', bench),
  haproxyLog: (place, bench) => startHaproxy(place, 'log', bench),
  haproxyComplete: (place, bench) => startHaproxy(place, 'complete', bench),
  nginx: (place, bench) => startNginx(place, 'plain', bench),
  nginxLog: (place, bench) => startNginx(place, 'log', bench),
  caddy: (place, bench) => startCaddy(place, 'plain', bench),
  caddyLog: (place, bench) => startCaddy(place, 'log', bench),
}

const OURS: ReadonlySet<string> = new Set(['strict', 'relaxed', 'off'])

const SCENARIOS: Readonly<Record<string, { readonly path: string; readonly isTls: boolean }>> = {
  http1k: { path: '/orders/7', isTls: false },
  http100k: { path: '/big', isTls: false },
  tls1k: { path: '/orders/7', isTls: true },
  tls100k: { path: '/big', isTls: true },
}

interface Subject {
  readonly name: string
  readonly process: ChildProcess
  readonly port: number
  readonly load: { readonly url: string; readonly script: string }
  readonly rounds: Measured[]
}

interface Options {
  readonly seconds: number
  readonly rounds: number
  readonly warmUp: number
}

export async function run(): Promise<BenchResult> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      scenarios: { type: 'string', multiple: true, default: Object.keys(SCENARIOS) },
      subjects: { type: 'string', multiple: true, default: Object.keys(SUBJECTS) },
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '5' },
      'warm-up': { type: 'string', default: '10' },
      directory: { type: 'string', default: import.meta.dirname },
      rates: { type: 'string', default: '2000,5000' },
    },
  })
  const options: Options = {
    seconds: numberOf(values.seconds, 'seconds'),
    rounds: numberOf(values.rounds, 'rounds'),
    warmUp: numberOf(values['warm-up'], 'warm-up'),
  }
  const scenarios = namesOf(values.scenarios, 'scenarios', Object.keys(SCENARIOS))
  const names = namesOf(values.subjects, 'subjects', Object.keys(SUBJECTS))
  const perSecond = values.rates.split(',').map((rate) => numberOf(rate, 'rates'))
  need({ haproxy: 'haproxy', nginx: 'nginx-light', caddy: 'caddy', wrk: 'wrk', openssl: 'openssl' })
  const directory = join(values.directory, `.peers-${process.pid}`)
  mkdirSync(directory, { recursive: true })
  const upstreamPort = await freePort()
  const upstream = startUpstream(directory, upstreamPort)
  const results: Record<string, unknown> = {}
  try {
    await answers(upstreamPort, directory)
    const bench = { directory, upstreamPort, ...makeCredentials(directory, TOKENS) }
    for (const scenario of scenarios) {
      const rates = scenario === 'http1k' ? perSecond : []
      results[scenario] = await runScenario(scenario, names, bench, { ...options, rates })
    }
  } finally {
    await stopNow(upstream)
    rmSync(directory, { recursive: true, force: true })
  }
  const fixed = { connections: CONNECTIONS, tokens: TOKENS, policiesInForce: POLICIES }
  return { bench: 'peers', figures: { ...options, ...fixed, ...results } }
}

async function runScenario(
  scenario: string,
  names: readonly string[],
  bench: Bench,
  options: Options & { readonly rates: readonly number[] },
): Promise<Readonly<Record<string, unknown>>> {
  const subjects: Subject[] = []
  try {
    for (const name of names) {
      const subject = await startSubject(name, scenario, bench)
      subjects.push(subject)
      const isOurs = OURS.has(name)
      await runLoad(subject.load, isOurs ? options.warmUp : 1)
    }
    for (let round = 0; round < options.rounds; round += 1) {
      for (const { name, process: child, load, rounds } of subjects) {
        const one = await measure(child, load, options.seconds)
        rounds.push(one)
        process.stderr.write(`${scenario} ${name} ${JSON.stringify(one)}\n`)
      }
    }
    const latency = await latencies(subjects, bench, options)
    return { ...figuresOf(subjects), ...(options.rates.length === 0 ? {} : { latency }) }
  } finally {
    for (const subject of subjects) await stopNow(subject.process)
  }
}

async function startSubject(name: string, scenario: string, bench: Bench): Promise<Subject> {
  const start = SUBJECTS[name]
  const shape = SCENARIOS[scenario]
  if (start === undefined || shape === undefined) throw new Error(`no ${name} in ${scenario}`)
  const { path, isTls } = shape
  const port = await freePort()
  const directory = join(bench.directory, `${scenario}-${name}`)
  const child = start({ port, directory, isTls }, bench)
  await answers(port, directory)
  const script = writeLoad(join(directory, 'load.lua'), bench.tokens, { path })
  const url = `${isTls ? 'https' : 'http'}://127.0.0.1:${port}`
  return { name, process: child, port, load: { url, script }, rounds: [] }
}

async function latencies(
  subjects: readonly Subject[],
  bench: Bench,
  { rates, seconds }: Options & { readonly rates: readonly number[] },
): Promise<Readonly<Record<string, Readonly<Record<string, OpenLoadResult>>>>> {
  const results: Record<string, Record<string, OpenLoadResult>> = {}
  for (const perSecond of rates) {
    const row: Record<string, OpenLoadResult> = {}
    const direct = { name: 'direct', port: bench.upstreamPort }
    results[`at${perSecond}PerSecond`] = row
    for (const { name, port } of [direct, ...subjects]) {
      const authorization = `Authorization: Bearer ${bench.tokens[0]}`
      const head = `GET /orders/7 HTTP/1.1\r\nHost: bench\r\n${authorization}\r\n\r\n`
      const load = { port, head, connections: CONNECTIONS, perSecond, seconds }
      // What a process does after it was idle, as collecting garbage, is over then.
      await openLoop({ ...load, seconds: RATE_WARM_UP_SECONDS })
      row[name] = await openLoop(load)
      process.stderr.write(`${perSecond}/s ${name} ${JSON.stringify(row[name])}\n`)
    }
  }
  return results
}

async function openLoop(load: OpenLoad): Promise<OpenLoadResult> {
  const file = join(import.meta.dirname, 'web.open-loop.ts')
  const child = spawn('taskset', ['-c', OTHER_CORE, process.execPath, file], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  child.send(load)
  const [result] = (await once(child, 'message')) as [OpenLoadResult]
  child.kill()
  return result
}

function figuresOf(subjects: readonly Subject[]): Readonly<Record<string, unknown>> {
  const medians = new Map(subjects.map(({ name, rounds }) => [name, median(rounds)]))
  const rate = (name: string): number => medians.get(name)?.requestsPerSecond ?? Number.NaN
  const ratios = Object.fromEntries(
    [...medians.keys()]
      .filter((name) => name !== 'strict' && medians.has('strict'))
      .map((name) => [name, rounded(rate('strict') / rate(name))]),
  )
  return { ...Object.fromEntries(medians), strictThroughputTo: ratios }
}

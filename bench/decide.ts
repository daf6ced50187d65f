// npm run bench -- decide [--seconds 5] [--rounds 5] [--warm-up 10]: what deciding costs. The
// gateway as it is run (`start --config`) on one core: with API keys; with JWTs that are known and
// that are not; with policies; with quotas. Beside it, in the same rounds and on the same core,
// HAProxy: bare, and with its own JWT check, a limit from a stick table and a line of log for each
// request. Every subject runs all the time; one at a time is asked.
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { BenchResult } from './run.ts'
import {
  answers,
  CONNECTIONS,
  freePort,
  type Measured,
  measure,
  median,
  need,
  rounded,
  runLoad,
  stopNow,
  type WebLoad,
  writeLoad,
} from './web.load.ts'
import {
  type Bench,
  makeCredentials,
  POLICIES,
  startGateway,
  startHaproxy,
  startUpstream,
} from './web.subjects.ts'

const TOKENS = 1000
const MODES = ['keys', 'jwt', 'jwtUnknown', 'policies', 'complete', 'haproxy', 'haproxyComplete']
type Mode = (typeof MODES)[number]

interface Subject {
  readonly mode: Mode
  readonly process: ChildProcess
  readonly load: WebLoad
  readonly rounds: Measured[]
}

export async function run(): Promise<BenchResult> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '5' },
      'warm-up': { type: 'string', default: '10' },
      modes: { type: 'string', default: MODES.join(',') },
    },
  })
  const [seconds, rounds, warmUp] = [values.seconds, values.rounds, values['warm-up']].map(Number)
  need({ haproxy: 'haproxy', wrk: 'wrk', taskset: 'util-linux', openssl: 'openssl' })
  const directory = join(import.meta.dirname, `.decide-${process.pid}`)
  mkdirSync(directory, { recursive: true })
  const upstreamPort = await freePort()
  const started: ChildProcess[] = [startUpstream(directory, upstreamPort)]
  const subjects: Subject[] = []
  try {
    const bench = { directory, upstreamPort, ...makeCredentials(directory, TOKENS) }
    await answers(upstreamPort, directory)
    for (const mode of values.modes.split(',')) {
      const subject = await startSubject(mode, bench)
      started.push(subject.process)
      subjects.push(subject)
      await runLoad(subject.load, mode.startsWith('haproxy') ? 1 : (warmUp ?? 10))
    }
    for (let round = 0; round < (rounds ?? 5); round += 1) {
      for (const { mode, process: child, load, rounds: measured } of subjects) {
        const one = await measure(child, load, seconds ?? 5)
        measured.push(one)
        process.stderr.write(`${mode} ${JSON.stringify(one)}\n`)
      }
    }
  } finally {
    for (const child of started) await stopNow(child)
    rmSync(directory, { recursive: true, force: true })
  }
  return { bench: 'decide', figures: figuresOf(subjects, { seconds, rounds, warmUp }) }
}

async function startSubject(mode: Mode, bench: Bench): Promise<Subject> {
  const place = { port: await freePort(), directory: join(bench.directory, mode) }
  const process = startMode(mode, place, bench)
  await answers(place.port, place.directory)
  const credentials = mode === 'keys' ? [bench.apiKey] : bench.tokens
  const options = { path: '/orders/7', isEven: mode === 'jwtUnknown' }
  const script = writeLoad(join(place.directory, 'load.lua'), credentials, options)
  return { mode, process, load: { url: `http://127.0.0.1:${place.port}`, script }, rounds: [] }
}

function startMode(
  mode: Mode,
  place: Parameters<typeof startGateway>[0],
  bench: Bench,
): ChildProcess {
  if (mode === 'haproxy') return startHaproxy(place, 'plain', bench)
  if (mode === 'haproxyComplete') return startHaproxy(place, 'complete', bench)
  const work = {
    policies: mode === 'policies' || mode === 'complete' ? POLICIES : 1,
    hasQuota: mode === 'complete',
    ...(mode === 'jwtUnknown' ? { verifiedTokensMax: 2 } : {}),
  }
  return startGateway(place, work, bench)
}

function figuresOf(
  subjects: readonly Subject[],
  run: Readonly<Record<string, number | undefined>>,
): Readonly<Record<string, unknown>> {
  const of = (mode: Mode): Measured =>
    median(subjects.find((subject) => subject.mode === mode)?.rounds ?? [])
  const cpu = (mode: Mode): number => of(mode).cpuUsPerRequest
  const share = (added: number): number => rounded(added / cpu('complete'))
  const added = {
    jwtKnownUs: rounded(cpu('jwt') - cpu('keys')),
    jwtUnknownUs: rounded(cpu('jwtUnknown') - cpu('keys')),
    policiesUs: rounded(cpu('policies') - cpu('jwt')),
    quotaUs: rounded(cpu('complete') - cpu('policies')),
  }
  return {
    ...run,
    connections: CONNECTIONS,
    tokens: TOKENS,
    tokenChoice: 'Zipf(1); uniform, and two remembered, in jwtUnknown',
    // Every token is met, and verified, before the rounds begin.
    jwtHitRate: 1,
    jwtUnknownHitRateMax: rounded(2 / TOKENS),
    policiesInForce: POLICIES,
    ...Object.fromEntries(MODES.map((mode) => [mode, of(mode)])),
    added,
    shareOfComplete: Object.fromEntries(
      Object.entries(added).map(([name, us]) => [name.replace('Us', ''), share(us)]),
    ),
    throughputToHaproxyComplete: rounded(
      of('complete').requestsPerSecond / of('haproxyComplete').requestsPerSecond,
    ),
    cpuToHaproxyComplete: rounded(cpu('complete') / cpu('haproxyComplete')),
  }
}

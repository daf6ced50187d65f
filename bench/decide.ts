// npm run bench -- decide [--seconds 5] [--rounds 5] [--warm-up 10] [--modes keys,complete]
// [--directory DIR]: what deciding costs. The gateway as it is run (`start --config`) on one core:
// with API keys; with JWTs that are known and that are not; with policies; with quotas. Beside it,
// in the same rounds and on the same core, HAProxy: bare, and with its own JWT check, a limit from
// a stick table and a line of log for each request. Every subject runs all the time; one at a time
// is asked. As for `record`, a directory in which nothing was removed lately makes files faster.
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { figuresOf, MODES, type Mode } from './decide.figures.ts'
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
const FIXED = {
  connections: CONNECTIONS,
  tokens: TOKENS,
  tokenChoice: 'Zipf(1); uniform, and two remembered, in jwtUnknown',
  // Every token is met, and verified, before the rounds begin.
  jwtHitRate: 1,
  jwtUnknownHitRateMax: rounded(2 / TOKENS),
  policiesInForce: POLICIES,
}

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
      directory: { type: 'string', default: import.meta.dirname },
      modes: { type: 'string', multiple: true, default: [...MODES] },
    },
  })
  const seconds = numberOf(values.seconds, 'seconds')
  const rounds = numberOf(values.rounds, 'rounds')
  const warmUp = numberOf(values['warm-up'], 'warm-up')
  const modes = namesOf(values.modes, 'modes', MODES)
  need({ haproxy: 'haproxy', wrk: 'wrk', taskset: 'util-linux', openssl: 'openssl' })
  const directory = join(values.directory, `.decide-${process.pid}`)
  mkdirSync(directory, { recursive: true })
  const upstreamPort = await freePort()
  const started: ChildProcess[] = [startUpstream(directory, upstreamPort)]
  const subjects: Subject[] = []
  try {
    const bench = { directory, upstreamPort, ...makeCredentials(directory, TOKENS) }
    await answers(upstreamPort, directory)
    for (const mode of modes) {
      const subject = await startSubject(mode, bench)
      started.push(subject.process)
      subjects.push(subject)
      await runLoad(subject.load, mode.startsWith('haproxy') ? 1 : warmUp)
    }
    for (let round = 0; round < rounds; round += 1) {
      for (const { mode, process: child, load, rounds: measured } of subjects) {
        const one = await measure(child, load, seconds)
        measured.push(one)
        process.stderr.write(`${mode} ${JSON.stringify(one)}\n`)
      }
    }
  } finally {
    for (const child of started) await stopNow(child)
    rmSync(directory, { recursive: true, force: true })
  }
  const medians = new Map(subjects.map(({ mode, rounds: all }) => [mode, median(all)]))
  return { bench: 'decide', figures: { seconds, rounds, warmUp, ...FIXED, ...figuresOf(medians) } }
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

// npm run bench -- decide [--seconds 5] [--rounds 5] [--warm-up 10] [--modes keys,complete]
// [--directory DIR]: what deciding costs. The gateway as it is run (`start --config`) on one core:
// with API keys; with JWTs that are known and that are not; with policies; with quotas. Beside it,
// in the same rounds and on the same core, HAProxy: bare, and with its own JWT check, a limit from
// a stick table and a line of log for each request. Two processes of one program differ by a tenth
// for as long as they live: each round begins all of them anew. As for `record`, files are faster
// in a directory in which nothing was removed lately.
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
  readonly process: ChildProcess
  readonly load: WebLoad
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
  const upstream = startUpstream(directory, upstreamPort)
  const measured = new Map(modes.map((mode) => [mode, [] as Measured[]]))
  try {
    const bench = { directory, upstreamPort, ...makeCredentials(directory, TOKENS) }
    await answers(upstreamPort, directory)
    for (let round = 0; round < rounds; round += 1) {
      for (const [mode, all] of measured) {
        const place = { port: await freePort(), directory: join(directory, `${mode}-${round}`) }
        const lasting = { warmUp: mode.startsWith('haproxy') ? 1 : warmUp, seconds }
        const one = await inOneLife(place, startSubject(mode, place, bench), lasting)
        all.push(one)
        process.stderr.write(`${mode} ${JSON.stringify(one)}\n`)
      }
    }
  } finally {
    await stopNow(upstream)
    rmSync(directory, { recursive: true, force: true })
  }
  const medians = new Map([...measured].map(([mode, all]) => [mode, median(all)]))
  return { bench: 'decide', figures: { seconds, rounds, warmUp, ...FIXED, ...figuresOf(medians) } }
}

type Place = Parameters<typeof startGateway>[0]

async function inOneLife(
  { port, directory }: Place,
  { process: child, load }: Subject,
  { warmUp, seconds }: { readonly warmUp: number; readonly seconds: number },
): Promise<Measured> {
  try {
    await answers(port, directory)
    await runLoad(load, warmUp)
    return await measure(child, load, seconds)
  } finally {
    await stopNow(child)
  }
}

function startSubject(mode: Mode, place: Place, bench: Bench): Subject {
  const process = startMode(mode, place, bench)
  const credentials = mode === 'keys' ? [bench.apiKey] : bench.tokens
  const options = { path: '/orders/7', isEven: mode === 'jwtUnknown' }
  const script = writeLoad(join(place.directory, 'load.lua'), credentials, options)
  return { process, load: { url: `http://127.0.0.1:${place.port}`, script } }
}

function startMode(mode: Mode, place: Place, bench: Bench): ChildProcess {
  if (mode === 'haproxy') return startHaproxy(place, 'plain', bench)
  if (mode === 'haproxyComplete') return startHaproxy(place, 'complete', bench)
  const work = {
    policies: mode === 'policies' || mode === 'complete' ? POLICIES : 1,
    hasQuota: mode === 'complete',
    ...(mode === 'jwtUnknown' ? { verifiedTokensMax: 2 } : {}),
  }
  return startGateway(place, work, bench)
}

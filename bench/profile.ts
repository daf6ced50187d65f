// npm run bench -- profile [--seconds 8] [--warm-up 10]: where the CPU of a complete request goes
// (a JWT from the cache, 50 policies, a quota, durable records): a profile of the request thread of
// the gateway as it is run, as a flame graph and as a table in docs/request-profile.{svg,md}.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  type CpuProfile,
  fileOf,
  flameGraph,
  foldProfile,
  roomOf,
  timeBy,
} from './profile.flame.ts'
import { numberOf } from './run.options.ts'
import type { BenchResult } from './run.ts'
import { answers, freePort, need, rounded, runLoad, stopNow, writeLoad } from './web.load.ts'
import { makeCredentials, POLICIES, startGateway, startUpstream } from './web.subjects.ts'

const TOKENS = 1000
const INTERVAL_US = 400
const STOP_MS_MAX = 30_000
const DOCS = join(import.meta.dirname, '../docs')

export async function run(): Promise<BenchResult> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      seconds: { type: 'string', default: '8' },
      'warm-up': { type: 'string', default: '10' },
    },
  })
  const seconds = numberOf(values.seconds, 'seconds')
  const warmUp = numberOf(values['warm-up'], 'warm-up')
  need({ haproxy: 'haproxy', wrk: 'wrk', taskset: 'util-linux', openssl: 'openssl' })
  const directory = join(import.meta.dirname, `.profile-${process.pid}`)
  mkdirSync(directory, { recursive: true })
  const [upstreamPort, port] = [await freePort(), await freePort()]
  const started = [startUpstream(directory, upstreamPort)]
  try {
    const bench = { directory, upstreamPort, ...makeCredentials(directory, TOKENS) }
    const place = { port, directory: join(directory, 'gateway') }
    const profiles = join(directory, 'profiles')
    const flags = ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-interval=${INTERVAL_US}`]
    const gateway = startGateway(place, { policies: POLICIES, hasQuota: true, flags }, bench)
    started.push(gateway)
    await answers(port, place.directory)
    const script = writeLoad(join(place.directory, 'load.lua'), bench.tokens, { path: '/orders/7' })
    const load = { url: `http://127.0.0.1:${port}`, script }
    await runLoad(load, warmUp)
    const fromUs = nowUs()
    const requests = await runLoad(load, seconds)
    const toUs = nowUs()
    gateway.kill('SIGTERM')
    await Promise.race([
      exitOf(gateway),
      new Promise((resolve) => setTimeout(resolve, STOP_MS_MAX)),
    ])
    const folded = foldProfile(requestThread(profiles), { fromUs, toUs })
    const each = (us: number): number => rounded(us / requests)
    const table = (nameOf: typeof roomOf, leastUs: number): Record<string, number> => {
      const rows = [...timeBy(folded, nameOf)].filter(([, us]) => us / requests >= leastUs)
      return Object.fromEntries(rows.map(([name, us]) => [name, each(us)]))
    }
    const threadUs = each(folded.totalUs)
    const [usByRoom, usByFile] = [table(roomOf, 0.1), table(fileOf, 0.5)]
    const title = `A complete request: ${threadUs} us of the request thread`
    writeFileSync(join(DOCS, 'request-profile.svg'), flameGraph(folded, title))
    writeFileSync(join(DOCS, 'request-profile.md'), pageOf(usByRoom, usByFile, threadUs))
    return {
      bench: 'profile',
      figures: { seconds, warmUp, requests, threadUs, usByRoom, usByFile },
    }
  } finally {
    for (const child of started) await stopNow(child)
    rmSync(directory, { recursive: true, force: true })
  }
}

function pageOf(
  usByRoom: Readonly<Record<string, number>>,
  usByFile: Readonly<Record<string, number>>,
  threadUs: number,
): string {
  const share = (us: number): string => `${((us / threadUs) * 100).toFixed(1)} %`
  const rows = (table: Readonly<Record<string, number>>, most: number): string =>
    Object.entries(table)
      .slice(0, most)
      .map(([name, us]) => `| ${name.replace('gateway/src/', '')} | ${share(us)} |`)
      .join('\n')
  return `# Where the time of a request goes

Written by \`npm run bench -- profile\` from a profile of V8 (\`--cpu-prof\`); not by hand. It is of
the request thread of the gateway as it is run, on one core, 64 connections, 1 KB: a JWT from the
cache, ${POLICIES} policies, a quota, and two durable records for each request. A profiler slows
what it measures, and other work on the machine slows it more: shares are what counts here, and
\`npm run bench -- decide\` has the microseconds. Writing is what the kernel does in a call; time in
functions of Node and V8 is under whoever called them.

![flame graph](request-profile.svg)

| room | share |
|---|---|
${rows(usByRoom, 16)}

| file | share |
|---|---|
${rows(usByFile, 30)}
`
}

/** Of the profiles of all threads the one in which requests are served. */
function requestThread(directory: string): CpuProfile {
  for (const name of readdirSync(directory)) {
    const profile = JSON.parse(readFileSync(join(directory, name), 'utf8')) as CpuProfile
    const isServing = profile.nodes.some(({ callFrame }) =>
      callFrame.url.endsWith('proxy/serve.ts'),
    )
    if (isServing) return profile
  }
  throw new Error('the gateway left no profile of its request thread')
}

function exitOf(child: ReturnType<typeof startGateway>): Promise<unknown> {
  return new Promise((resolve) => child.once('exit', resolve))
}

/** The clock of the profile: of this machine since its start, the same in all processes. */
function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

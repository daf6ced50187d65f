import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { need } from '../../needs.ts'
import { checkRecovered } from './recovered.ts'
import { DATA_NAME, ENTRIES } from './small-ledger.ts'
import {
  countCalls,
  type Injection,
  pathsBelow,
  type SystemCall,
  traceWriter,
  wasInjected,
} from './strace.ts'

const POINTS_MIN = 300
const INJECTIONS: readonly Injection[] = ['error=EIO', 'signal=KILL']
const FAILURES_SHOWN_MAX = 5

const skip = need('strace that may trace', {
  command: 'strace',
  met: () => spawnSync('strace', ['-qq', '-e', 'trace=none', 'true']).status === 0,
  install: 'apt-get install strace, and run as root or with CAP_SYS_PTRACE',
})

/** Files that one thread works on: what SQLite opens is the main thread's, the rest the pool's. */
const GROUPS = {
  files: (path: string) => !isDatabase(path),
  databases: isDatabase,
} as const
type Group = keyof typeof GROUPS

interface Point {
  readonly group: Group
  readonly call: SystemCall
  readonly nth: number
}

test('each call on a data file fails once, and kills once: nothing acknowledged is lost', {
  skip,
}, async (context) => {
  const homes = mkdtempSync(join(tmpdir(), 'system-calls-'))
  context.after(() => rmSync(homes, { recursive: true, force: true }))
  const points = await findPoints(join(homes, 'first'))
  const work = points.flatMap((point) => INJECTIONS.map((how) => ({ ...point, how })))
  const failures: string[] = []
  let injected = 0
  const next = work.values()
  const serve = async (home: string): Promise<void> => {
    const paths = await pathsOf(home)
    for (const { group, call, nth, how } of next) {
      const chosen = paths.filter((path) => GROUPS[group](path))
      const traced = await traceWriter({ home, paths: chosen, inject: { call, nth, how } })
      if (wasInjected(traced, how)) injected += 1
      else failures.push(`${group} ${call} ${nth} ${how}: not injected`)
      await checkRecovered(home, traced.stdout).catch((error: unknown) => {
        failures.push(`${group} ${call} ${nth} ${how}: ${String(error)}`)
      })
    }
  }
  const slots = Array.from({ length: availableParallelism() }, (_, slot) => join(homes, `${slot}`))
  await Promise.all(slots.map(serve))
  context.diagnostic(`${points.length} points found, ${work.length} injections, ${injected} made`)
  assert.ok(points.length >= POINTS_MIN, `${points.length} points, at least ${POINTS_MIN}`)
  assert.deepEqual(failures.slice(0, FAILURES_SHOWN_MAX), [], `${failures.length} failures`)
  assert.equal(injected, work.length)
})

/** Counts the calls of a run in which nothing fails. */
async function findPoints(home: string): Promise<readonly Point[]> {
  const paths = await pathsOf(home)
  const points: Point[] = []
  for (const group of ['files', 'databases'] as const) {
    const traced = await traceWriter({ home, paths: paths.filter(GROUPS[group]) })
    for (const [call, threads] of countCalls(traced)) {
      // strace counts for each thread: a second one would have its own nth call.
      assert.equal(threads.size, 1, `${call} on ${group} is made by ${threads.size} threads`)
      const [count = 0] = threads.values()
      for (let nth = 1; nth <= count; nth++) points.push({ group, call, nth })
    }
  }
  return points
}

async function pathsOf(home: string): Promise<readonly string[]> {
  const traced = await traceWriter({ home })
  assert.match(traced.stdout, new RegExp(`acknowledged ${ENTRIES - 1} `))
  const paths = pathsBelow(home, traced)
  assert.ok(paths.includes(`${home}/${DATA_NAME}/1/log/checkpoint`))
  return paths
}

function isDatabase(path: string): boolean {
  return /\/lock$|\.db(-journal)?$/.test(path)
}

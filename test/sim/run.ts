// Seeded simulation. What it is asked for is in USAGE.
import { fork } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { COVERED, type Covered, Hits } from './coverage.ts'
import type { Answer, Failure, Task } from './worker.ts'

const USAGE = `usage: node test/sim/run.ts [--runs N] [--seed S] [--sweeps N] [--failures N]

  --runs N       scenarios, one a seed (1000)
  --seed S       the first seed (a random one); alone, or as SEED=S, it replays that run:
                 7 is scenario 7, 7.412 the same with a crash at step 412
  --sweeps N     scenarios that are crashed at every one of their steps before the runs begin, some
                 two minutes each (one for each 10000 runs begun); --sweeps 0 goes straight to them
  --failures N   ends after so many (5)
`
const RUNS_DEFAULT = 1_000
/** From this many runs on, a kind of fault or a branch of recovery that was never met fails. */
const RUNS_COVERING = 10_000
const RUNS_A_TASK = 25
const FAILURES_DEFAULT = 5
/**
 * Nearly all that a run allocates is garbage soon, and each process has a core: a heap that begins
 * large is seldom marked, and helping threads would only take from the other process.
 */
const MUCH_YOUNG = [
  '--min-semi-space-size=32',
  '--max-semi-space-size=32',
  '--initial-heap-size=1024',
  '--single-threaded-gc',
]

const { values } = parseArgs({
  options: {
    runs: { type: 'string' },
    seed: { type: 'string' },
    sweeps: { type: 'string' },
    failures: { type: 'string' },
    help: { type: 'boolean' },
  },
})
if (values.help === true) {
  process.stdout.write(USAGE)
  process.exit(0)
}
const given = values.seed ?? process.env.SEED
const first = Number(given ?? randomInt(2 ** 40))
const isReplay = given !== undefined && values.runs === undefined
const runs = isReplay ? 1 : Number(values.runs ?? RUNS_DEFAULT)
const sweeps = Number(values.sweeps ?? (isReplay ? 0 : Math.ceil(runs / RUNS_COVERING)))
const failuresMax = Number(values.failures ?? FAILURES_DEFAULT)
if (!(first >= 0) || !(runs >= 1) || !(sweeps >= 0) || !(failuresMax >= 1)) {
  process.stderr.write(USAGE)
  process.exit(2)
}

const started = process.hrtime.bigint()
const hits = new Hits()
const failures: Failure[] = []
const total = { runs: 0, swept: 0, operations: 0, crashes: 0, steps: 0 }

const sweeping = sweeps > 0 ? `, after ${sweeps} swept (--sweeps 0: none)` : ''
process.stdout.write(`simulation: ${runs} runs from SEED=${given ?? first}${sweeping}\n`)
await work(tasks())
report()

function* tasks(): Generator<Task> {
  if (isReplay) return yield { kind: 'replay', seed: String(given) }
  for (let scenario = 0; scenario < sweeps; scenario++) {
    const count = availableParallelism()
    for (let part = 0; part < count; part++)
      yield { kind: 'sweep', seed: first + scenario, part, count }
  }
  for (let done = 0; done < runs; done += RUNS_A_TASK) {
    yield { kind: 'runs', seed: first + done, count: Math.min(RUNS_A_TASK, runs - done) }
  }
}

/** One process a core; each takes the next task when it has answered the last. */
async function work(queue: Generator<Task>): Promise<void> {
  const processes = Math.min(availableParallelism(), isReplay ? 1 : Math.ceil(runs / RUNS_A_TASK))
  await Promise.all(Array.from({ length: processes }, () => serve(queue)))
}

function serve(queue: Generator<Task>): Promise<void> {
  const child = fork(join(import.meta.dirname, 'worker.ts'), { execArgv: MUCH_YOUNG })
  return new Promise((done, fail) => {
    const next = (): void => {
      const task = queue.next()
      if (task.done === true || failures.length >= failuresMax) child.disconnect()
      else child.send(task.value)
    }
    child.on('message', (answer: Answer) => {
      take(answer)
      next()
    })
    child.once('error', fail)
    child.once('exit', (code) => (code === 0 ? done() : fail(new Error(`worker exited: ${code}`))))
    next()
  })
}

function take(answer: Answer): void {
  hits.merge(answer.hits)
  failures.push(...answer.failures)
  for (const key of ['runs', 'swept', 'operations', 'crashes', 'steps'] as const) {
    total[key] += answer[key]
  }
}

function report(): void {
  const seconds = Number((process.hrtime.bigint() - started) / 1_000_000n) / 1000
  if (!isReplay) process.stdout.write(hits.table())
  for (const failure of failures.slice(0, failuresMax)) {
    process.stdout.write(`\n${failure.what}\nreplay with: SEED=${failure.seed} npm run sim\n`)
  }
  const unmet = runs >= RUNS_COVERING ? unmetKinds() : []
  for (const kind of unmet) process.stdout.write(`never met in ${runs} runs: ${kind}\n`)
  const { operations, crashes, steps, swept } = total
  process.stdout.write(
    `${total.runs} runs, ${swept} of them crashed at each step of ${sweeps} scenarios; ` +
      `${operations} operations, ${crashes} crashes, ${steps} steps in ${seconds.toFixed(1)} s\n`,
  )
  const failed = failures.length + unmet.length
  process.stdout.write(`${total.runs - failures.length} passed, ${failed} failed\n`)
  process.exitCode = failed === 0 ? 0 : 1
}

function unmetKinds(): readonly Covered[] {
  return COVERED.filter((kind) => hits.of(kind) === 0)
}

import type { HitCounts } from './coverage.ts'
import { Hits } from './coverage.ts'
import { type Run, simulate } from './simulate.ts'

export type Task =
  | { readonly kind: 'runs'; readonly seed: number; readonly count: number }
  /** Scenario `seed`, crashed at every step that leaves `part` when divided by `count`. */
  | { readonly kind: 'sweep'; readonly seed: number; readonly part: number; readonly count: number }
  | { readonly kind: 'replay'; readonly seed: string }

export interface Failure {
  readonly seed: string
  readonly what: string
}

export interface Answer {
  readonly hits: HitCounts
  readonly failures: readonly Failure[]
  readonly runs: number
  readonly swept: number
  readonly operations: number
  readonly crashes: number
  readonly steps: number
}

process.on('message', (task: Task) => {
  // Most errors here are expected ones, by the thousand; a replay shows where the last one arose.
  Error.stackTraceLimit = task.kind === 'replay' ? 20 : 0
  void perform(task).then((answer) => process.send?.(answer))
})

async function perform(task: Task): Promise<Answer> {
  const hits = new Hits()
  const failures: Failure[] = []
  const total = { runs: 0, swept: 0, operations: 0, crashes: 0, steps: 0 }
  for await (const { run, seed } of runsOf(task)) {
    total.runs += 1
    total.swept += task.kind === 'sweep' ? 1 : 0
    total.operations += run.operations
    total.crashes += run.crashes
    total.steps += run.steps
    hits.merge(run.hits)
    if (run.failure !== undefined) failures.push({ seed, what: run.failure })
  }
  return { hits: hits.counts, failures, ...total }
}

async function* runsOf(task: Task): AsyncGenerator<{ run: Run; seed: string }> {
  if (task.kind === 'replay') {
    const [scenario = '', step] = task.seed.split('.')
    const crashAtStep = step === undefined ? undefined : Number(step)
    yield { run: await simulate({ seed: Number(scenario), crashAtStep, tells }), seed: task.seed }
  }
  if (task.kind === 'runs') {
    for (let seed = task.seed; seed < task.seed + task.count; seed++) {
      yield { run: await simulate({ seed }), seed: String(seed) }
    }
  }
  if (task.kind === 'sweep') yield* sweep(task)
}

async function* sweep({ seed, part, count }: Task & { kind: 'sweep' }) {
  const whole = await simulate({ seed })
  for (let step = 1 + part; step <= whole.steps; step += count) {
    yield { run: await simulate({ seed, crashAtStep: step }), seed: `${seed}.${step}` }
  }
}

function tells(what: string): void {
  process.stdout.write(`${what}\n`)
}

// Runs commands one after another, or a few at once, shows what they print, and adds up what their
// tests say.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

/** One command of a check, with the sentence that says what it proves. */
export interface Step {
  readonly name: string
  readonly command: string
  readonly environment?: Readonly<Record<string, string>>
}

const TOTALS = /(?:^|\n)(\d+) passed, (\d+) failed/g
const TAIL_CHARS_MAX = 65_536

/**
 * Runs every step, also after one has failed, so that one run tells everything; steps in a list of
 * their own run at once, each for a core. Prints a table and `N passed, N failed`; a step without
 * tests counts as one. Sets the exit code.
 */
export async function runSteps(steps: readonly (Step | readonly Step[])[]): Promise<void> {
  const total = { passed: 0, failed: 0 }
  const table: string[] = []
  for (const each of steps) {
    for (const ran of await runTogether([each].flat())) {
      total.passed += ran.passed
      total.failed += ran.failed
      table.push(ran.line)
    }
  }
  process.stdout.write(`\n${table.join('\n')}\n${total.passed} passed, ${total.failed} failed\n`)
  process.exitCode = total.failed === 0 ? 0 : 1
}

interface Ran {
  readonly passed: number
  readonly failed: number
  /** Of the table. */
  readonly line: string
}

/** Only the first of them is shown as it prints; what the others print comes after it. */
async function runTogether([first, ...others]: readonly Step[]): Promise<readonly Ran[]> {
  if (first === undefined) return []
  const hidden = others.map(async (step) => {
    const said: string[] = []
    const ran = await timed(step, (text) => void said.push(text))
    return { ran, said: said.join('') }
  })
  const shown = await timed(first, (text) => void process.stdout.write(text))
  const ended = await Promise.all(hidden)
  for (const { said } of ended) process.stdout.write(said)
  return [shown, ...ended.map(({ ran }) => ran)]
}

async function timed(step: Step, write: (text: string) => void): Promise<Ran> {
  write(`\n=== ${step.name}: ${step.command}\n`)
  const started = process.hrtime.bigint()
  const { code, tail } = await runStep(step, write)
  const seconds = Number((process.hrtime.bigint() - started) / 1_000_000n) / 1000
  const tests = [...tail.matchAll(TOTALS)].at(-1)
  const passed = tests === undefined ? Number(code === 0) : Number(tests[1])
  const failed = tests === undefined ? Number(code !== 0) : Number(tests[2])
  const line = `${code === 0 ? 'ok  ' : 'FAIL'} ${step.name.padEnd(15)} ${seconds.toFixed(1)} s`
  return { passed, failed: failed === 0 && code !== 0 ? 1 : failed, line }
}

async function runStep(
  step: Step,
  write: (text: string) => void,
): Promise<{ code: number; tail: string }> {
  const child = spawn('sh', ['-c', step.command], {
    cwd: join(import.meta.dirname, '..'),
    env: { ...process.env, ...step.environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let tail = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    write(text)
    tail = (tail + text).slice(-TAIL_CHARS_MAX)
  })
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exit) => resolve(exit ?? 1))
  })
  return { code, tail }
}

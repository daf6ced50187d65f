// Runs commands one after another, shows what they print, and adds up what their tests say.
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
 * Runs every step, also after one has failed, so that one run tells everything. Prints a table and
 * `N passed, N failed`; a step without tests counts as one. Sets the exit code.
 */
export async function runSteps(steps: readonly Step[]): Promise<void> {
  const total = { passed: 0, failed: 0 }
  const table: string[] = []
  for (const step of steps) {
    process.stdout.write(`\n=== ${step.name}: ${step.command}\n`)
    const started = process.hrtime.bigint()
    const { code, tail } = await runStep(step)
    const seconds = Number((process.hrtime.bigint() - started) / 1_000_000n) / 1000
    const tests = [...tail.matchAll(TOTALS)].at(-1)
    const passed = tests === undefined ? Number(code === 0) : Number(tests[1])
    const failed = tests === undefined ? Number(code !== 0) : Number(tests[2])
    total.passed += passed
    total.failed += failed === 0 && code !== 0 ? 1 : failed
    table.push(`${code === 0 ? 'ok  ' : 'FAIL'} ${step.name.padEnd(14)} ${seconds.toFixed(1)} s`)
  }
  process.stdout.write(`\n${table.join('\n')}\n${total.passed} passed, ${total.failed} failed\n`)
  process.exitCode = total.failed === 0 ? 0 : 1
}

async function runStep(step: Step): Promise<{ code: number; tail: string }> {
  const child = spawn('sh', ['-c', step.command], {
    cwd: join(import.meta.dirname, '..'),
    env: { ...process.env, ...step.environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let tail = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    process.stdout.write(text)
    tail = (tail + text).slice(-TAIL_CHARS_MAX)
  })
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exit) => resolve(exit ?? 1))
  })
  return { code, tail }
}

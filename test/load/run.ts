// Loads by hand, with their figures: node test/load/run.ts L6 --minutes 30. Without a name: all.
// --pause-ms is how long a caller of L6 rests between two requests, for a soak beside other work.
// The others are tests of their own: SCALE=10 makes L5 and IDLE as large as promised.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { LOAD_CASES } from './cases.ts'

const OTHERS: Readonly<Record<string, readonly [file: string, name: string]>> = {
  L1: ['e2e/reload.test.ts', ''],
  L2: ['e2e/restart.test.ts', ''],
  L3: ['e2e/upstream-faults.test.ts', 'L3'],
  L4: ['e2e/upstream-faults.test.ts', 'L4'],
  L5: ['e2e/hostile-clients.test.ts', 'L5'],
  IDLE: ['e2e/hostile-clients.test.ts', 'idle'],
  L9: ['faults/full-disk.test.ts', ''],
  L11: ['e2e/overload.test.ts', ''],
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '0.2' },
    'pause-ms': { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const minutes = Number(values.minutes)
const pauseMs = values['pause-ms'] === undefined ? undefined : Number(values['pause-ms'])
const known = [...Object.keys(LOAD_CASES), ...Object.keys(OTHERS)]
const asked =
  positionals.length > 0 ? positionals.map((name) => name.toUpperCase()) : Object.keys(LOAD_CASES)
const unknown = asked.filter((name) => !known.includes(name))
if (values.help || unknown.length > 0 || !(minutes > 0) || Number.isNaN(pauseMs)) {
  const options = '[--minutes N] [--pause-ms N]'
  process.stderr.write(`usage: node test/load/run.ts [${known.join('|')} …] ${options}\n`)
  process.exit(values.help ? 0 : 2)
}

let failed = 0
for (const name of asked) {
  const other = OTHERS[name]
  failed += other === undefined ? await runCase(name) : runTest(other)
}
process.stdout.write(`${asked.length - failed} held, ${failed} did not\n`)
process.exitCode = failed === 0 ? 0 : 1

async function runCase(name: string): Promise<0 | 1> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  try {
    await LOAD_CASES[name]?.({ minutes, ...(pauseMs !== undefined && { pauseMs }), say })
    return 0
  } catch (error) {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
    say(`${name} does not hold: ${why}`)
    return 1
  }
}

function runTest([file, name]: readonly [file: string, name: string]): 0 | 1 {
  const env = { ...process.env, SCALE: process.env.SCALE ?? '10' }
  const args = [
    '--test',
    '--test-reporter=spec',
    ...(name === '' ? [] : [`--test-name-pattern=${name}`]),
  ]
  const ran = spawnSync(process.execPath, [...args, join(import.meta.dirname, '..', file)], {
    stdio: 'inherit',
    env,
  })
  return ran.status === 0 ? 0 : 1
}

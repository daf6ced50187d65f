// What a change must pass: `npm run check`. Under ten minutes on two cores.
import { runSteps, type Step } from './steps.ts'

/** Types, style, dead code, tests and a short simulation. */
export const CHECK: readonly Step[] = [
  { name: 'types', command: 'tsc -p tsconfig.json' },
  { name: 'format, lint', command: 'biome check --error-on-warnings' },
  { name: 'promises', command: 'oxlint --type-aware --deny-warnings' },
  { name: 'dead exports', command: 'knip' },
  { name: 'generated', command: 'node scripts/generate.ts --check' },
  { name: 'unit', command: 'node scripts/test.ts unit' },
  { name: 'simulation', command: 'node test/sim/run.ts --runs 500 --seed 1' },
]

if (import.meta.main) await runSteps(CHECK)

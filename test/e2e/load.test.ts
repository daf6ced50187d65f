// Each load for a few seconds; `node test/load/run.ts L6 --minutes 30` is the long form.
import { test } from 'node:test'
import { LOAD_CASES } from '../load/cases.ts'

const MINUTES = Number(process.env.LOAD_MINUTES ?? 0.05)

for (const [name, run] of Object.entries(LOAD_CASES)) {
  test(`${name} holds`, { timeout: MINUTES * 60_000 + 240_000 }, async (context) => {
    await run({ minutes: MINUTES, say: (line) => context.diagnostic(line) })
  })
}

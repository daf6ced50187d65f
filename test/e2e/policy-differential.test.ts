// The compiler against Cedar's own engine, at length. The seed is fixed: a failure is replayed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differential, wildDifferential } from '../policy/differential.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)

test('50,000 generated requests are decided alike, with the same policies and digests', (t) => {
  const tally = differential(50_000, SEED)
  t.diagnostic(JSON.stringify(tally))
  assert.ok(tally.cases >= 50_000)
})

test('20,000 more, of policies that would not validate, apply and fail alike', (t) => {
  const tally = wildDifferential(20_000, SEED)
  t.diagnostic(JSON.stringify(tally))
  assert.ok(tally.cases >= 20_000)
})

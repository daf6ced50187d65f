import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differential, wildDifferential } from './differential.ts'

// As many as `npm test` has time for; test/e2e/policy-differential.test.ts asks 60,000 more.
test('compiled policies decide as the engine does, and for the same policies', () => {
  const { reasons, uncovered } = differential(1_500, 1)
  for (const reason of ['policy-permits', 'policy-forbids', 'no-policy-permits', 'policy-failed']) {
    assert.ok((reasons[reason] ?? 0) > 0, `no case ended as ${reason}`)
  }
  assert.ok(uncovered > 0, 'the engine decided none of what the compiler does not cover')
})

test('a policy that would never validate applies and fails as in the engine', () => {
  const { reasons } = wildDifferential(1_000, 1)
  assert.ok((reasons.applies ?? 0) > 100 && (reasons.fails ?? 0) > 100)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isReason } from '@countersign/evidence'
import { DEFAULT_LIMITS, LIMITS, limitsConfigSchema } from './limits-config.ts'

for (const [name, limit] of Object.entries(LIMITS)) {
  test(`${name} has a unit, a default inside its bounds and a reason that exists`, () => {
    assert.match(name, /(Max|Min|Ms|Bytes)$/)
    assert.ok(limit.min <= limit.of && limit.of <= limit.max)
    assert.ok(isReason(limit.reason) || limit.reason.startsWith('none: '), limit.reason)
  })
}

for (const [name, config, ok] of [
  ['nothing is every default', {}, true],
  ['one limit leaves the others', { headersMax: 50 }, true],
  ['an unknown limit is refused', { headerMax: 50 }, false],
  ['a fraction is refused', { headersMax: 50.5 }, false],
  ['no limit cannot be said', { headersMax: null }, false],
  ['too small to serve anything is refused', { headBytesMax: 1 }, false],
] as const) {
  test(name, () => assert.equal(limitsConfigSchema.safeParse(config).success, ok))
}

test('defaults', () => {
  assert.deepEqual(limitsConfigSchema.parse({ headersMax: 50 }), {
    ...DEFAULT_LIMITS,
    headersMax: 50,
  })
})

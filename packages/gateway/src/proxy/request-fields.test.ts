import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HeaderFields } from './header-fields.ts'
import { withoutLostTrace } from './request-fields.ts'

const STATE = ['TraceState', 'vendor=1'] as const
const OTHER = ['X-Kept', 'yes'] as const
const GOOD = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`

for (const [name, traceparents, isKept] of [
  ['a trace that goes on', [GOOD], true],
  ['one of a later version', [`cc${GOOD.slice(2)}-more`], true],
  ['none', [], false],
  ['a malformed one', ['zz'], false],
  ['one of zeros', [`00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`], false],
  ['one in capitals', [GOOD.toUpperCase()], false],
  ['one of no version', [`ff${GOOD.slice(2)}`], false],
  ['two', [GOOD, GOOD], false],
] as const) {
  test(`tracestate with ${name} ${isKept ? 'goes on' : 'is dropped'}`, () => {
    const received: HeaderFields = traceparents.map((value) => ['Traceparent', value])
    const passing = [OTHER, STATE, STATE]
    const kept = withoutLostTrace(passing, received)
    assert.deepEqual(kept, isKept ? passing : [OTHER])
  })
}

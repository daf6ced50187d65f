import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fields } from './fields.ts'
import { KeptFields } from './kept-fields.ts'

for (const { what, fields, lines, isDated } of [
  { what: 'none', fields: [], lines: '', isDated: false },
  { what: 'one', fields: [['a', 'b']], lines: 'a: b\r\n', isDated: false },
  {
    what: 'several, among them the date and a byte beyond ASCII',
    fields: [
      ['Server', 'sch\u00f6n'],
      ['Date', 'Sun'],
      ['x', ''],
    ],
    lines: 'Server: sch\u00f6n\r\nDate: Sun\r\nx: \r\n',
    isDated: true,
  },
  { what: 'one that would end early', fields: [['a', 'b\r\nc']], lines: undefined, isDated: false },
  { what: 'one that has no byte', fields: [['a', '\u0a0d']], lines: undefined, isDated: false },
] as const satisfies readonly { fields: Fields; [what: string]: unknown }[]) {
  test(`${what}: the lines are the same at every use`, () => {
    const kept = new KeptFields(fields)
    for (let use = 0; use < 4; use += 1) assert.equal(kept.lines, lines)
    assert.equal(kept.isDated, isDated)
  })
}

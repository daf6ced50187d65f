import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '../../packages/gateway/src/config/index.ts'

const EXAMPLE = join(import.meta.dirname, '../../examples/approvals.yaml')

test('the example of approvals is a configuration, and has the template of its policies', () => {
  const { approvals, breakGlass } = parseConfig(EXAMPLE, readFileSync(EXAMPLE))
  const policies = readFileSync(join(EXAMPLE, '../policies/approval/refunds.cedar'), 'utf8')
  const asked = [...policies.matchAll(/@approval\("([^"]+)"\)/g)].map(([, name]) => name ?? '')
  assert.ok(asked.length > 0)
  for (const name of asked) assert.ok(Object.hasOwn(approvals.templates, name), name)
  assert.equal(breakGlass.confirm, 'either')
})

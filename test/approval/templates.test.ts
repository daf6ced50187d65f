import assert from 'node:assert/strict'
import { test } from 'node:test'
import { play } from './stage.ts'

const POLICY = '@id("refunds") @approval("refund") permit (principal, action, resource);'

test('a policy that asks for what nobody can grant does not load', async () => {
  const setting = { policies: POLICY, config: 'admin: {port: 0}\n', people: { ada: [] } }
  await assert.rejects(
    play(setting, async () => assert.fail('it started')),
    /approvals\.templates.*@approval\("refund"\).*known: none/s,
  )
})

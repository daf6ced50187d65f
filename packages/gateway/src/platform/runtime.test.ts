import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const RUNTIME = new URL('./runtime.ts', import.meta.url).href

test('the runtime knows every flag that it is fitted with', () => {
  const program = `const { tuneRuntime, tuneStarted } = await import('${RUNTIME}')
    tuneRuntime()
    tuneStarted()`
  const args = ['--input-type=module', '-e', program]
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  // It ignores one that it does not know, and says so there.
  assert.equal(stderr, '')
  assert.equal(status, 0)
})

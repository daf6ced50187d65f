import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const RUNTIME = new URL('./runtime.ts', import.meta.url).href

test('the runtime knows every flag that it is fitted with', () => {
  const program = `(await import('${RUNTIME}')).tuneRuntime()`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  })
  // It ignores one that it does not know, and says so there.
  assert.equal(stderr, '')
  assert.equal(status, 0)
})

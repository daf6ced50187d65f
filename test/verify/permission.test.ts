// Node's permission model: what runs under it, and what cannot. docs/operating.md says the same.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { waitFor } from '../demo-process.ts'
import { MAIN, runIt, type Scratch, scratchConfig } from '../systemd/notified.ts'

const PROGRAM = join(import.meta.dirname, '../..')
const MODEL = ['--no-warnings', '--permission', `--allow-fs-read=${PROGRAM}`]
/** Node 24 does not restrict the network, and does not know the flag. */
const NETWORK = process.allowedNodeEnvironmentFlags.has('--allow-net') ? ['--allow-net'] : []

let scratch: Scratch
before(async () => {
  scratch = await scratchConfig()
  const gateway = runIt(process.execPath, [MAIN, 'start', '--config', scratch.config])
  await waitFor(() => gateway.said().includes('serving'))
  gateway.process.kill('SIGTERM')
  assert.equal(await gateway.ended, 0, gateway.said())
})
after(() => scratch.close())

async function runUnder(flags: readonly string[], args: readonly string[]) {
  const { ended, said } = runIt(process.execPath, [...MODEL, ...flags, MAIN, ...args])
  return { exit: await ended, said: said() }
}

test('verify needs to read the program and the directory, and nothing else', async () => {
  const data = join(scratch.directory, 'data')
  const { exit, said } = await runUnder(
    [`--allow-fs-read=${data}`],
    ['verify', data, '--no-memory'],
  )
  assert.deepEqual([exit, said.slice(0, 3)], [0, 'ok:'], said)
})

test('what may be read is no more than what is allowed', async () => {
  const { exit, said } = await runUnder([], ['verify', scratch.directory, '--no-memory'])
  assert.equal(exit, 2)
  assert.match(said, /^UNDECIDED: cannot list /)
})

test('a file outside of what may be written is not written', async () => {
  const data = join(scratch.directory, 'data')
  const keys = join(scratch.directory, 'api-keys.yaml')
  const before = readFileSync(keys, 'utf8')
  const { exit, said } = await runUnder(
    [`--allow-fs-read=${scratch.directory}`, `--allow-fs-write=${data}`],
    ['keys', 'create', '--principal', 'eve', '--config', scratch.config],
  )
  assert.equal(exit, 2)
  assert.match(said, /ERR_ACCESS_DENIED/)
  assert.equal(readFileSync(keys, 'utf8'), before)
})

// Where a later Node.js lets it, this fails: then the gateway can have flags, and the unit too.
test('the gateway cannot run under it: a flush of the disk is forbidden', async () => {
  const { exit, said } = await runUnder(
    [...NETWORK, '--allow-worker', '--allow-fs-read=*', '--allow-fs-write=*'],
    ['start', '--config', scratch.config],
  )
  assert.equal(exit, 2)
  assert.match(said, /fsync API is disabled when Permission Model is enabled/)
})

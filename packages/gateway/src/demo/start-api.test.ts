import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { startApi } from './start-api.ts'

const file = join(import.meta.dirname, 'api.ts')

test('it tells what reached it, and that question is not counted', async () => {
  const api = await startApi(file, 0)
  const received = async (): Promise<unknown> => {
    return (await fetch(`http://127.0.0.1:${api.port}/__received`)).json()
  }
  assert.deepEqual(await received(), { count: 0, ids: [] })
  const headers = { 'x-request-id': 'one' }
  await (await fetch(`http://127.0.0.1:${api.port}/orders/7`, { headers })).text()
  await (await fetch(`http://127.0.0.1:${api.port}/nothing`)).text()
  assert.deepEqual(await received(), { count: 2, ids: ['one'] })
  await api.close()
})

test('a port that is taken is an error with the port in it', async () => {
  const api = await startApi(file, 0)
  await assert.rejects(startApi(file, api.port), {
    code: 'DEMO_API',
    message: new RegExp(`port ${api.port}.*EADDRINUSE`),
  })
  await api.close()
})

test('it does not outlive whoever started it, however that one ends', async () => {
  const parent = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    `import { startApi } from ${JSON.stringify(join(import.meta.dirname, 'start-api.ts'))}
     const api = await startApi(${JSON.stringify(file)}, 0)
     process.stdout.write(String(api.pid))
     await api.gone`,
  ])
  const [pid] = await once(parent.stdout, 'data')
  assert.ok(isAlive(Number(pid)))
  parent.kill('SIGKILL')
  await once(parent, 'exit')
  for (let tries = 0; isAlive(Number(pid)) && tries < 1200; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.ok(!isAlive(Number(pid)))
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

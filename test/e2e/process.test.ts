// What a process of the gateway does about whoever stands around it: signals at any moment, a
// reader of its log that is gone or stands still, a collector that never ends its answers.
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../demo-process.ts'
import { type GatewayLife, startLife, workersOf } from '../faults/scratch-gateway.ts'
import { layOut, newKey } from '../laid-out.ts'
import { MAIN } from '../program.ts'
import { run } from '../run-cli.ts'

interface Place {
  readonly config: string
  readonly data: string
  readonly token: string
}

/** A configuration before an upstream that refuses, which is told in the log for each request. */
async function place(context: TestContext, more = ''): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-process-'))
  context.after(() => rm(directory, { recursive: true, maxRetries: 5, retryDelay: 200 }))
  const data = join(directory, 'data')
  const config = await layOut(
    directory,
    `version: 1
data: ${data}
listeners: [{ name: main, host: 127.0.0.1, port: 0 }]
admin: { host: 127.0.0.1, port: 0 }
identity: { keysFile: api-keys.yaml }
policies: { directory: policies }
upstreams: { none: { url: "http://127.0.0.1:1" } }
routes: [{ name: all, path: /, upstream: none }]
limits: { loopLagMs: 60000, ledgerLagMs: 600000 }
${more}`,
  )
  return { config, data, token: await newKey(config, 'ada') }
}

async function statusOf({ url }: Pick<GatewayLife, 'url'>, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`${url}/orders`, { headers, signal: AbortSignal.timeout(30_000) })
  await response.arrayBuffer()
  return response.status
}

/** Acts of the `system` records of a gateway that has stopped. */
async function systemActs(data: string): Promise<readonly string[]> {
  const acts: string[] = []
  for (let index = 0; ; index += 1) {
    const shown = await run(['show', `${index}`, '--data', data, '--json'])
    if (shown.exit !== 0) return acts
    const { kind, sections } = JSON.parse(shown.out) as {
      readonly kind: string
      readonly sections: readonly { readonly section: string; readonly value: object }[]
    }
    const what = sections.find(({ section }) => section === 'what')?.value
    if (kind === 'system') acts.push(String(Reflect.get(what ?? {}, 'act')))
  }
}

interface Begun {
  readonly process: ChildProcessByStdio<null, Readable, Readable>
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>
  /** Where it listens, as soon as it says so. */
  readonly url: Promise<string>
}

/** Nobody reads its error output. */
function begin(context: TestContext, { config }: Place, command: 'start' | 'supervise'): Begun {
  const child = spawn(process.execPath, [MAIN, command, '--config', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  context.after(() => child.kill('SIGKILL'))
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code ?? -1))
  })
  let said = ''
  const url = new Promise<string>((resolve) => {
    child.stdout.on('data', (chunk) => {
      said += String(chunk)
      const at = /main (http:\S+)/.exec(said)?.[1]
      if (at !== undefined) resolve(at)
    })
  })
  return { process: child, ended, url }
}

for (const afterMs of [400, 700, 1000, 1400]) {
  test(`a hang-up ${afterMs} ms after a supervisor began ends nothing`, async (context) => {
    const at = await place(context)
    const { process: supervisor, ended, url } = begin(context, at, 'supervise')
    supervisor.stderr.resume()
    await sleep(afterMs)
    supervisor.kill('SIGHUP')
    // Before it listens to signals the supervisor itself is ended by one, as any program is.
    const first = await Promise.race([url, ended])
    if (first === 'SIGHUP') return context.diagnostic('it did not listen yet')
    assert.equal(await statusOf({ url: String(first) }, at.token), 502)
    supervisor.kill('SIGTERM')
    assert.equal(await ended, 0)
  })

  test(`a supervisor that is stopped ${afterMs} ms after it began ends well`, async (context) => {
    const { process: supervisor, ended } = begin(context, await place(context), 'supervise')
    supervisor.stderr.resume()
    await sleep(afterMs)
    supervisor.kill('SIGTERM')
    assert.ok([0, 'SIGTERM'].includes(await ended))
  })
}

test('a stop in the pause after a crash is one', async (context) => {
  const { config } = await place(context)
  const life = await startLife(config, 'supervise')
  context.after(() => life.process.kill('SIGKILL'))
  for (let crash = 0; crash < 4; crash += 1) {
    await waitFor(async () => (await workersOf(life)).length === 1)
    const [gateway = 0] = await workersOf(life)
    process.kill(gateway, 'SIGKILL')
    await waitFor(async () => !(await workersOf(life)).includes(gateway))
  }
  const startedMs = performance.now()
  assert.equal(await life.stop('SIGTERM'), 0, life.errors())
  assert.ok(performance.now() - startedMs < 30_000)
})

for (const workers of [1, 2]) {
  test(`nobody is let into a process by a signal, workers: ${workers}`, async (context) => {
    const { config, token } = await place(context, `workers: ${workers}\n`)
    const life = await startLife(config)
    context.after(() => life.process.kill('SIGKILL'))
    for (const pid of [life.process.pid ?? 0, ...(await workersOf(life))]) {
      process.kill(pid, 'SIGUSR1')
    }
    await sleep(500)
    assert.equal(await statusOf(life, token), 502)
    assert.equal(await life.stop('SIGTERM'), 0)
    assert.doesNotMatch(life.errors(), /Debugger/)
  })

  test(`a log that nobody reads stops nothing, workers: ${workers}`, async (context) => {
    const at = await place(context, `workers: ${workers}\n`)
    const { process: gateway, ended, url } = begin(context, at, 'start')
    const life = { url: await url }
    for (let count = 0; count < 300; count += 1) {
      assert.equal(await statusOf(life, at.token), 502, `request ${count}`)
    }
    gateway.stderr.destroy()
    assert.equal(await statusOf(life, at.token), 502, 'its reader is gone')
    gateway.kill('SIGTERM')
    assert.equal(await ended, 0)
    assert.equal((await systemActs(at.data)).at(-1), 'stop')
  })
}

test('a collector that never ends its answers keeps no gateway from ending', async (context) => {
  const collector = createServer((request, response) => {
    request.resume()
    response.writeHead(200)
    const timer = setInterval(() => response.write('x'), 200)
    response.on('close', () => clearInterval(timer))
  })
  collector.listen(0, '127.0.0.1')
  await once(collector, 'listening')
  context.after(() => {
    collector.closeAllConnections()
    collector.close()
  })
  const { port } = collector.address() as AddressInfo
  const traces = `{ endpoint: "http://127.0.0.1:${port}/v1/traces", newTraceRatio: 1 }`
  const { config, data, token } = await place(context, `telemetry: { traces: ${traces} }\n`)
  const life = await startLife(config)
  context.after(() => life.process.kill('SIGKILL'))
  for (let count = 0; count < 10; count += 1) await statusOf(life, token)
  const asked = once(collector, 'request')
  const startedMs = performance.now()
  const stopped = life.stop('SIGTERM')
  await asked
  assert.equal(await stopped, 0)
  const tookMs = performance.now() - startedMs
  assert.ok(tookMs < 20_000, `${tookMs} ms`)
  assert.equal((await systemActs(data)).at(-1), 'stop')
})

test('a worker that hangs while it starts is ended, and the others come back', {
  timeout: 200_000,
}, async (context) => {
  const { config, token } = await place(context, 'workers: 2\n')
  const life = await startLife(config)
  context.after(() => life.process.kill('SIGKILL'))
  const [one = 0, other = 0] = await workersOf(life)
  process.kill(one, 'SIGKILL')
  let hung = 0
  await waitFor(async () => {
    hung = (await workersOf(life)).find((pid) => pid !== one && pid !== other) ?? 0
    return hung !== 0
  })
  process.kill(hung, 'SIGSTOP')
  context.after(() => {
    try {
      process.kill(hung, 'SIGKILL')
    } catch {} // It is gone, as it should be.
  })
  process.kill(other, 'SIGKILL')
  await waitFor(async () => {
    const now = await workersOf(life)
    return now.length === 2 && !now.includes(hung)
  }, 120_000)
  assert.equal(await statusOf(life, token), 502)
  assert.equal(await life.stop('SIGTERM'), 0)
})

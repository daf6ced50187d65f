import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { oldestChild, waitFor } from '../demo-process.ts'
import { need } from '../needs.ts'
import { MAIN, type Ran, runIt, type Scratch, scratchConfig, startManager } from './notified.ts'

const WATCHDOG = { WATCHDOG_USEC: '600000' }
/** Of the fifteen that fit into a stop; one may have been on its way before. */
const SIGNS_MIN = 2
const skip = need('systemd', {
  command: 'systemd-socket-activate',
  install: 'apt-get install systemd python3',
})

async function scratchOf(context: TestContext, workers = 1, limits = ''): Promise<Scratch> {
  const scratch = await scratchConfig({ workers, limits })
  context.after(scratch.close)
  return scratch
}

/** As a .socket unit would start it: systemd listens, and the first who comes starts it. */
function activate({ config, ports }: Scratch, names: string): Ran {
  const listen = ports.flatMap((port) => ['--listen', `127.0.0.1:${port}`])
  const gateway = [process.execPath, MAIN, 'start', '--config', config]
  const path = `--setenv=PATH=${process.env.PATH ?? ''}`
  return runIt('systemd-socket-activate', [...listen, `--fdname=${names}`, path, ...gateway])
}

for (const [workers, name] of [
  [1, 'sockets of systemd are served under their names'],
  [2, 'sockets of systemd are served by two workers'],
] as const) {
  test(name, { skip }, async (context) => {
    const scratch = await scratchOf(context, workers)
    const { process: gateway, said, ended } = activate(scratch, 'main:admin')
    await waitFor(() => said().includes('Listening'))
    // The one that comes waits in the socket's queue until there is somebody.
    const first = await fetch(`http://127.0.0.1:${scratch.ports[0]}/orders`)
    assert.equal(first.status, 401, said())
    // One worker may serve before the gateway has heard that all of them do.
    await waitFor(async () => {
      const ready = await fetch(`http://127.0.0.1:${scratch.ports[1]}/readyz`)
      return (await ready.text()) === 'ready\n'
    })
    gateway.kill('SIGTERM')
    assert.equal(await ended, 0)
  })
}

for (const [name, names, says] of [
  ['a name that no listener has', 'main:web', /"web", and no listener is: known are main, admin/],
  ['the same name twice', 'main:main', /socket 4 .* "main", as is socket 3/],
  ['another port than the configured', 'admin:main', /is at port \d+; the configuration says/],
] as const) {
  test(`sockets of systemd, refused: ${name}`, { skip }, async (context) => {
    const scratch = await scratchOf(context)
    const { said, ended } = activate(scratch, names)
    await waitFor(() => said().includes('Listening'))
    const asked = fetch(`http://127.0.0.1:${scratch.ports[0]}/orders`).catch(() => undefined)
    assert.equal(await ended, 2, said())
    await asked
    assert.match(said(), says)
  })
}

test('systemd is told of the start, of life, of a reload and of the end', {
  skip,
}, async (context) => {
  const scratch = await scratchOf(context)
  const manager = await startManager(scratch)
  context.after(manager.close)
  const { process: gateway, ended } = runIt(
    process.execPath,
    [MAIN, 'start', '--config', scratch.config],
    { ...manager.environment, ...WATCHDOG },
  )
  const hears = (pattern: RegExp): Promise<void> =>
    waitFor(() => manager.heard().some((message) => pattern.test(message)))
  await hears(/^READY=1 STATUS=serving countersign.local\//)
  await hears(/^WATCHDOG=1$/)
  gateway.kill('SIGHUP')
  await hears(/^RELOADING=1 MONOTONIC_USEC=\d+$/)
  await hears(/^READY=1$/)
  gateway.kill('SIGTERM')
  assert.equal(await ended, 0)
  assert.match(manager.heard().at(-1) ?? '', /^STOPPING=1 /)
})

test('a gateway that hangs is seen through its supervisor', { skip }, async (context) => {
  const scratch = await scratchOf(context)
  const manager = await startManager(scratch)
  context.after(manager.close)
  const {
    process: supervisor,
    said,
    ended,
  } = runIt(process.execPath, [MAIN, 'supervise', '--config', scratch.config], {
    ...manager.environment,
    ...WATCHDOG,
  })
  const signs = (): number => manager.heard().filter((text) => text === 'WATCHDOG=1').length
  const hears = async (): Promise<void> => {
    const before = signs()
    await waitFor(() => signs() > before)
  }
  await waitFor(() => said().includes('serving'))
  await hears()
  const gateway = oldestChild(supervisor)
  process.kill(gateway, 'SIGSTOP')
  // What was under way when it stopped comes; then nothing can follow.
  await waitFor(async () => {
    const before = signs()
    await new Promise((resolve) => setTimeout(resolve, 700))
    return signs() === before
  })
  process.kill(gateway, 'SIGCONT')
  await hears()
  supervisor.kill('SIGTERM')
  assert.equal(await ended, 0)
  assert.ok(manager.heard().includes('STOPPING=1'))
})

for (const workers of [1, 2]) {
  const name = `a gateway that ends while the next one waits is no hang, workers: ${workers}`
  test(name, { skip }, async (context) => {
    const scratch = await scratchOf(context, workers, 'lastCallMs: 2000')
    const manager = await startManager(scratch)
    context.after(manager.close)
    const supervising = [MAIN, 'supervise', '--config', scratch.config]
    const environment = { ...manager.environment, ...WATCHDOG }
    const { process: supervisor, said, ended } = runIt(process.execPath, supervising, environment)
    context.after(() => void supervisor.kill('SIGKILL'))
    const readies = (): number =>
      manager.heard().filter((text) => text.startsWith('READY=1')).length
    await waitFor(() => readies() === 1)
    const caller = connect(scratch.ports[0], '127.0.0.1').on('error', () => undefined)
    await once(caller, 'connect')
    supervisor.kill('SIGUSR2')
    await waitFor(() => said().includes('Stopping'))
    const before = manager.heard().length
    await waitFor(() => readies() === 2)
    const heard = manager.heard().slice(before)
    const signs = heard.findIndex((text) => text.startsWith('READY=1'))
    assert.ok(signs >= SIGNS_MIN, heard.join('\n'))
    supervisor.kill('SIGTERM')
    assert.equal(await ended, 0)
    assert.match(manager.heard().at(-1) ?? '', /^STOPPING=1/)
  })
}

// What crashes is gone whole, and another takes its place: never a process that only looks alive.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseReceipt } from '../../packages/evidence/src/index.ts'
import { oldestChild, waitFor } from '../demo-process.ts'
import { type GatewayLife, type ScratchGateway, scratchGateway } from '../faults/scratch-gateway.ts'
import { assertEnds, wholeLedger } from '../faults/whole-ledger.ts'
import { run } from '../run-cli.ts'

interface Crashing {
  readonly directory: string
  readonly scratch: ScratchGateway
}

async function scratchOf(context: TestContext): Promise<Crashing> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-crash-'))
  const scratch = await scratchGateway(directory, join(directory, 'data'))
  context.after(async () => {
    await scratch.close()
    await rm(directory, { recursive: true })
  })
  return { directory, scratch }
}

/** Starts a gateway whose every thread runs `code` first. */
async function startWith(
  { directory, scratch }: Crashing,
  code: string,
  context: TestContext,
): Promise<GatewayLife> {
  const file = join(directory, 'first.mjs')
  await writeFile(file, code)
  process.env.NODE_OPTIONS = `--import=${file}`
  try {
    const life = await scratch.start()
    context.after(() => life.process.kill('SIGKILL'))
    return life
  } finally {
    delete process.env.NODE_OPTIONS
  }
}

const fetchOrders = async (life: GatewayLife, { token }: ScratchGateway): Promise<Response> => {
  const headers = { authorization: `Bearer ${token}`, connection: 'close' }
  const response = await fetch(`${life.url}/orders`, { headers })
  await response.arrayBuffer()
  return response
}

const ask = async (life: GatewayLife, scratch: ScratchGateway): Promise<number> =>
  (await fetchOrders(life, scratch)).status

/** The life of the ledger that a receipt is of; undefined before its record is published. */
async function incarnationOf(
  response: Response,
  { data }: ScratchGateway,
): Promise<number | undefined> {
  const { index } = parseReceipt(response.headers.get('countersign-receipt') ?? '')
  const { exit, out } = await run(['show', String(index), '--data', data, '--json'])
  if (exit !== 0) return undefined
  return Number(/"incarnation":(\d+)/.exec(out)?.[1])
}

const ON_MAIN = "import { isMainThread } from 'node:worker_threads'\nif (isMainThread) "

for (const [name, code] of [
  ['an exception that nobody catches', "process.on('SIGUSR2', () => { throw new Error('ours') })"],
  ['a rejection that nobody handles', "process.on('SIGUSR2', () => { Promise.reject('ours') })"],
] as const) {
  test(`${name} ends the process, and the next start has the rest`, async (context) => {
    const crashing = await scratchOf(context)
    const life = await startWith(crashing, ON_MAIN + code, context)
    assert.equal(await ask(life, crashing.scratch), 200)
    assert.equal(await life.stop('SIGUSR2'), 2)
    const next = await crashing.scratch.start()
    assert.equal(await ask(next, crashing.scratch), 200)
    assert.equal(await next.stop('SIGTERM'), 0)
    assertEnds(await wholeLedger(crashing.scratch.data))
  })
}

test('a thread that crashes ends the instance of the ledger alone', async (context) => {
  const crashing = await scratchOf(context)
  const order = join(crashing.directory, 'crash')
  // One of them takes the order away, and does what it says.
  const life = await startWith(
    crashing,
    `import { rmSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
const obey = () => {
  try {
    rmSync(${JSON.stringify(order)})
  } catch {
    return
  }
  throw new Error('ours')
}
if (!isMainThread) setInterval(obey, 20).unref()`,
    context,
  )
  await writeFile(order, '')
  const { scratch } = crashing
  await waitFor(() => !existsSync(order))
  // The next instance may be there before anybody was refused.
  await waitFor(async () => {
    const response = await fetchOrders(life, scratch)
    assert.ok(response.status === 200 || response.status === 503, String(response.status))
    return response.status === 200 && (await incarnationOf(response, scratch)) === 2
  })
  assert.equal(await life.stop('SIGTERM'), 0)
  const records = await wholeLedger(scratch.data)
  assert.equal(new Set(records.map(({ incarnation }) => incarnation)).size, 2)
})

test('a gateway that is killed is followed by another: nobody is refused', async (context) => {
  const { scratch } = await scratchOf(context)
  const life = await scratch.start('supervise')
  context.after(() => life.process.kill('SIGKILL'))
  assert.equal(await ask(life, scratch), 200)
  process.kill(oldestChild(life.process), 'SIGKILL')
  // Nobody listens now, and nobody is refused.
  assert.deepEqual(
    await Promise.all(Array.from({ length: 20 }, () => ask(life, scratch))),
    Array(20).fill(200),
  )
  assert.equal(await life.stop('SIGTERM'), 0)
  assertEnds(await wholeLedger(scratch.data))
})

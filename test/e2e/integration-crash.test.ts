// The thread that integrates, and commits the lock, dies under load: while it works, in a commit,
// while it starts. The instance of the ledger ends, what comes meanwhile is refused as
// `ledger-unavailable`, the next instance goes on, and nothing that a caller was told is gone.
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { waitFor } from '../demo-process.ts'
import { type GatewayLife, type ScratchGateway, scratchGateway } from '../faults/scratch-gateway.ts'
import { assertEnds, Receipts, wholeLedger } from '../faults/whole-ledger.ts'

const CALLERS = 8
/** Before a thread dies, and by the instance that follows. */
const ANSWERS_BETWEEN = 100
/** A file with the name of an order is taken away by the thread that carries it out. */
const ORDERS = ['work', 'before-commit', 'after-commit', 'start'] as const

let directory: string
let scratch: ScratchGateway
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'countersign-integration-'))
  scratch = await scratchGateway(directory, join(directory, 'data'))
  await writeFile(join(directory, 'first.mjs'), OBEDIENT)
})
after(async () => {
  await scratch.close()
  await rm(directory, { recursive: true })
})

/** What every thread but the first one runs first. Ended is the thread alone, in mid call. */
const OBEDIENT = `import { appendFileSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { isMainThread } from 'node:worker_threads'
const isOrdered = (order) => {
  try {
    rmSync(new URL(order, import.meta.url))
    return true
  } catch {
    return false
  }
}
const exec = DatabaseSync.prototype.exec
if (!isMainThread) {
  if (isOrdered('start')) process.exit(1)
  appendFileSync(new URL('started', import.meta.url), '.')
  setInterval(() => {
    if (isOrdered('work')) throw new Error('ours')
  }, 20).unref()
  DatabaseSync.prototype.exec = function (sql) {
    if (sql === 'COMMIT' && isOrdered('before-commit')) process.exit(1)
    exec.call(this, sql)
    if (sql === 'COMMIT' && isOrdered('after-commit')) process.exit(1)
  }
}
`

async function start(): Promise<GatewayLife> {
  process.env.NODE_OPTIONS = `--import=${join(directory, 'first.mjs')}`
  try {
    return await scratch.start()
  } finally {
    delete process.env.NODE_OPTIONS
  }
}

const receipts = new Receipts()
/** How often each answer came, a refusal with its reason. */
const answers = new Map<string, number>()
const served = (): number => answers.get('200') ?? 0

async function callUntil(isOver: () => boolean, url: string): Promise<void> {
  const headers = { authorization: `Bearer ${scratch.token}` }
  while (!isOver()) {
    const response = await fetch(`${url}/orders/7`, { headers })
    const { reason } = (await response.json()) as { reason?: string }
    receipts.note(response.headers.get('countersign-receipt'))
    const answer = [response.status, reason].filter(Boolean).join(' ')
    answers.set(answer, (answers.get(answer) ?? 0) + 1)
  }
}

async function answered(more: number): Promise<void> {
  const until = served() + more
  await waitFor(() => served() >= until)
}

/** How many have begun to work. An instance of the ledger has one, and begins when it is there. */
function threads(): number {
  return statSync(join(directory, 'started')).size
}

test('an integration thread that dies loses nothing', { timeout: 600_000 }, async (context) => {
  const life = await start()
  let isOver = false
  const callers = Array.from({ length: CALLERS }, () => callUntil(() => isOver, life.url))
  context.after(() => {
    isOver = true
    life.process.kill('SIGKILL')
  })
  for (const order of ORDERS) {
    await answered(ANSWERS_BETWEEN)
    const before = threads()
    await writeFile(join(directory, order), '')
    // The one that starts dies as the successor of one that worked.
    if (order === 'start') await writeFile(join(directory, 'work'), '')
    await waitFor(() => threads() > before)
  }
  await answered(ANSWERS_BETWEEN)
  isOver = true
  await Promise.all(callers)
  assert.equal(life.process.exitCode, null, 'the process goes on')
  assert.equal(await life.stop('SIGTERM'), 0)

  const records = await wholeLedger(scratch.data)
  const { ids } = await scratch.received()
  const { intents } = assertEnds(records, ids)
  await receipts.assertIn(scratch.data, records.length)
  const lives = new Set(records.map(({ incarnation }) => incarnation)).size
  assert.equal(lives, ORDERS.length + 1, 'each death ends one instance')
  const others = [...answers.keys()].filter((answer) => !EXPECTED.has(answer))
  assert.deepEqual(others, [], 'what is not served says why')
  context.diagnostic(`${JSON.stringify([...answers])}, ${intents} intents, ${lives} lives`)
})

/** The last one: the upstream was called, and its answer is not on record. */
const EXPECTED = new Set(['200', '503 ledger-unavailable', '502 outcome-unrecorded'])

test('one that dies before a gateway serves: it says so, and the next start serves', async () => {
  await writeFile(join(directory, 'start'), '')
  await assert.rejects(start(), /integration worker is gone/)
  const next = await start()
  const headers = { authorization: `Bearer ${scratch.token}` }
  assert.equal((await fetch(`${next.url}/orders/7`, { headers })).status, 200)
  assert.equal(await next.stop('SIGTERM'), 0)
  assertEnds(await wholeLedger(scratch.data))
})

// A small volume that fills while a gateway with a reserve runs: it warns, then takes no traffic,
// and goes on recording refusals and what administrators do; killed on the full disk it starts
// again, and when there is room it serves by itself.
import assert from 'node:assert/strict'
import { open, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { waitFor } from '../demo-process.ts'
import { run } from '../run-cli.ts'
import { type GatewayLife, type ScratchGateway, scratchGateway } from './scratch-gateway.ts'
import { NO_SMALL_VOLUME, type SmallVolume, smallVolume } from './small-volume.ts'
import { type FoundRecord, wholeLedger } from './whole-ledger.ts'

const MIB = 1_048_576
const VOLUME_MIB = 32
const DISK =
  '{ reserveBytes: 4194304, warnFreePercent: 0, warnFreeBytes: 12582912, refuseFreeBytes: 4194304 }'
const CALLERS = 8

const skip = NO_SMALL_VOLUME

let small: SmallVolume
let volume: string
let scratch: ScratchGateway
before(async () => {
  if (skip !== false) return
  small = await smallVolume(VOLUME_MIB)
  volume = small.path
  scratch = await scratchGateway(small.directory, join(volume, 'data'), DISK)
})
after(async () => {
  if (skip !== false) return
  await scratch.close()
  await small.close()
})

/** Leaves so much room, which is less than before: at no moment is there more, for who looks. */
async function leaveFree(bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(volume)
  const taken = Buffer.alloc(Math.max(0, bavail * bsize - bytes))
  await writeFile(join(volume, 'ballast'), taken, { flag: 'a' })
}

/** Takes the last bytes that there are. */
async function leaveNothing(): Promise<void> {
  const file = await open(join(volume, 'last'), 'w')
  try {
    for (;;) await file.appendFile(Buffer.alloc(65_536))
  } catch {
    // Full.
  } finally {
    await file.close()
  }
}

/** Answered with disk-reserve. */
let refused = 0

interface Answer {
  readonly status: number
  readonly reason: string | undefined
  readonly retryAfter: string | null
}

async function call(life: GatewayLife): Promise<Answer> {
  const headers = { authorization: `Bearer ${scratch.token}` }
  const response = await fetch(`${life.url}/orders/7`, { headers })
  const { reason } = (await response.json()) as { reason?: string }
  if (reason === 'disk-reserve') refused += 1
  return { status: response.status, reason, retryAfter: response.headers.get('retry-after') }
}

function adminUrl({ addresses }: GatewayLife): string {
  return addresses.find((each) => each.startsWith('admin '))?.slice('admin '.length) ?? ''
}

async function ready(life: GatewayLife): Promise<string> {
  const response = await fetch(`${adminUrl(life)}/readyz`)
  return `${response.status} ${await response.text()}`
}

function administer(life: GatewayLife, method: string, path: string, body?: object) {
  return fetch(`${adminUrl(life)}${path}`, {
    method,
    headers: { authorization: `Bearer ${scratch.token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

async function refusedAll(life: GatewayLife, calls: number): Promise<void> {
  let left = calls
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const answer = await call(life)
      assert.deepEqual(answer, { status: 503, reason: 'disk-reserve', retryAfter: '5' })
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
}

test('a reserve keeps refusals and administration recordable on a full disk', {
  skip,
  timeout: 900_000,
}, async (context) => {
  const reserve = join(scratch.data, 'state/reserve')
  const kept = async (): Promise<number> => (await stat(reserve)).blocks * 512
  let life = await scratch.start()
  context.after(() => life.process.kill('SIGKILL'))
  await waitFor(async () => (await kept()) === 4 * MIB)
  assert.equal((await call(life)).status, 200)
  assert.equal(await ready(life), '200 ready\n')

  await leaveFree(8 * MIB)
  await waitFor(async () => /^200 ready\ndisk low: [0-9]+ MiB free\n$/.test(await ready(life)))
  assert.equal((await call(life)).status, 200, 'low is a warning')

  await leaveFree(3 * MIB)
  await waitFor(async () => (await ready(life)).startsWith('503 not ready: disk-reserve'))
  const before = await scratch.received()
  await refusedAll(life, 300)
  assert.equal(await kept(), 4 * MIB, 'there is room: the reserve is not needed yet')

  await leaveNothing()
  await waitFor(async () => (await kept()) < 4 * MIB)
  await leaveNothing()
  const contained = await administer(life, 'POST', '/api/containment', {
    target: { kind: 'principal', issuer: 'keys', id: 'eve' },
    reason: 'on a full disk',
  })
  assert.equal(contained.status, 201, await contained.text())
  const reloaded = await administer(life, 'POST', '/api/reload')
  assert.equal(reloaded.status, 200, await reloaded.text())
  await refusedAll(life, 1000)
  const metrics = await (await administer(life, 'GET', '/metrics')).text()
  assert.match(metrics, /countersign_disk_level\{level="scarce"\} 1/)
  const left = Number(/^countersign_disk_reserve_bytes (\d+)/m.exec(metrics)?.[1])
  assert.ok(left > 0 && left < 4 * MIB, `${left} bytes of the reserve are left`)
  const accepted = Number(
    /^countersign_refusals_total\{reason="disk-reserve",recorded="folded"\} (\d+)/m.exec(
      metrics,
    )?.[1],
  )
  assert.equal(accepted, refused, 'the metric counts what was answered')
  const examined = await run(['doctor', join(small.directory, 'countersign.yaml'), '--json'])
  assert.equal(examined.exit, 1)
  assert.match(examined.out, /of 4 MiB are kept/)

  assert.equal(await life.stop('SIGKILL'), 'SIGKILL')
  life = await scratch.start()
  await refusedAll(life, 100)
  assert.deepEqual(await scratch.received(), before, 'the upstream was not called')
  const standing = (await (await administer(life, 'GET', '/api/containment')).json()) as object
  assert.match(JSON.stringify(standing), /on a full disk/, 'what was done on the full disk stands')

  await rm(join(volume, 'ballast'))
  await rm(join(volume, 'last'))
  const resumedAfter = performance.now()
  await waitFor(async () => (await call(life)).status === 200)
  const resumedMs = Math.round(performance.now() - resumedAfter)
  assert.equal(await kept(), 4 * MIB, 'the reserve is whole before traffic is served')
  assert.equal(await life.stop('SIGTERM'), 0)

  const records = await wholeLedger(scratch.data)
  const levels = records.flatMap(({ act, level }) => (act === 'space' ? [level] : []))
  assert.deepEqual(levels.slice(0, 2), ['low', 'scarce'])
  assert.equal(levels.at(-1), 'ample')
  const { told, mayBeMissing } = countFolded(records)
  // What was answered after the last tally of the process that was killed, no record counts.
  assert.ok(told <= refused && refused <= told + mayBeMissing, `${told} of ${refused} are told`)
  context.diagnostic(
    `${refused} refused, ${told} of them told by folds, ${left} bytes of the \
reserve left, ${records.length} records, resumed ${resumedMs} ms after there was room`,
  )
})

/** What folds say that was refused for lack of room, and what a kill may have left out. */
function countFolded(records: readonly FoundRecord[]) {
  const counts = new Map<number, number>()
  let mayBeMissing = 0
  for (const { index, kind, about, act, count = 0, reason, unrecordedMax = 0 } of records) {
    if (kind === 'fold' && reason === 'disk-reserve') {
      counts.set(act === 'open' ? index : (about ?? index), count)
    }
    if (kind === 'gap' && about !== undefined && counts.has(about)) mayBeMissing += unrecordedMax
  }
  const told = [...counts.values()].reduce((sum, count) => sum + count, 0)
  return { told, mayBeMissing }
}

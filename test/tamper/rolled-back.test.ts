// A directory that was set back while its lock was not: the lock has signed for more.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { sqliteLock } from '../../packages/gateway/src/platform/index.ts'
import {
  type DirectoryOptions,
  type Report,
  verifyDirectory,
} from '../../packages/gateway/src/verify/index.ts'
import { run } from '../run-cli.ts'
import { FileMap } from './file-map.ts'
import { DATA, MadeLedger, someTraffic } from './made-ledger.ts'

type ReadableLock = NonNullable<DirectoryOptions['lock']>

const root = await mkdtemp(join(tmpdir(), 'countersign-rolled-back-'))
after(() => rm(root, { recursive: true }))

const ledger = new MadeLedger(1, { segmentEntriesMax: 8 })
const recorder = await ledger.start()
await someTraffic(recorder, 0)
await ledger.publish()
const early = await ledger.files()
const earlyLock = await frozen(ledger.lock)
await someTraffic(recorder, 2)
await ledger.publish()
await ledger.stop(recorder)
const late = await ledger.files()
const lateLock = await frozen(ledger.lock)

async function frozen(lock: ReadableLock): Promise<ReadableLock> {
  const locked = await lock.read()
  return { read: async () => locked }
}

async function changed(from: string | RegExp, to: string): Promise<ReadableLock> {
  const locked = await lateLock.read()
  assert.ok(locked !== undefined)
  const value = locked.value.replace(from, to)
  assert.notEqual(value, locked.value)
  return { read: async () => ({ ...locked, value }) }
}

function audit(files: FileMap, lock?: ReadableLock): Promise<Report> {
  return verifyDirectory({ disk: files.disk(), directory: DATA, ...(lock && { lock }) })
}

/** What is shown is old; tiles, blocks and the write-ahead log are as they were last. */
function shownOld(): FileMap {
  const old = [...early.files].filter(([path]) => /checkpoint/.test(path))
  const kept = [...late.files].filter(([path]) => !path.startsWith(`${DATA}/1/checkpoints`))
  return new FileMap(new Map([...kept, ...old]))
}

test('the lock is not needed where nothing was set back', async () => {
  for (const lock of [undefined, lateLock]) {
    const { exit, bad, notChecked } = await audit(late, lock)
    assert.deepEqual({ exit, bad, notChecked }, { exit: 0, bad: [], notChecked: [] })
  }
})

test('T31 a directory set back as a whole: only the lock tells', async () => {
  assert.equal((await audit(early)).exit, 0, 'the files alone hold')
  const { exit, bad } = await audit(early, lateLock)
  assert.equal(exit, 1)
  assert.deepEqual(bad[0]?.file, 'state/wal')
  assert.match(String(bad[0]?.why), /^ends at entry [0-9]+, and checkpoint [0-9]+ was signed$/)
})

test('T31 an older checkpoint put back, with the rest still there: as after a crash', async () => {
  const { exit, size, notChecked } = await audit(shownOld(), lateLock)
  assert.equal(exit, 0)
  const said = notChecked.find(({ file }) => file === 'lock')
  assert.match(
    String(said?.why),
    new RegExp(`and ${size} are shown: the next start shows the rest`),
  )
})

test('T31 a lock that was set back', async () => {
  const { exit, bad } = await audit(late, earlyLock)
  assert.deepEqual([exit, bad[0]?.kind, bad[0]?.file], [1, 'rollback', 'lock'])
})

test('a lock that was written to', async () => {
  const damaged = await audit(late, await changed('"epoch":1', '"epoch":"1"'))
  assert.deepEqual([damaged.exit, damaged.bad[0]?.kind, damaged.bad[0]?.file], [1, 'file', 'lock'])
  const signed = await audit(late, await changed(/ [A-Za-z0-9+/]{8}/, ' AAAAAAAA'))
  assert.deepEqual(
    [signed.exit, signed.bad[0]?.kind, signed.bad[0]?.file],
    [1, 'signature', 'lock'],
  )
  const other = await audit(late, await changed('"epoch":1', '"epoch":2'))
  assert.equal(other.exit, 0)
  assert.match(String(other.notChecked[0]?.why), /is of .*, epoch 2: it tells nothing here/)
})

test('the command line reads the lock in the directory, or the one that is named', async () => {
  const data = await onDisk(early)
  const verify = ['verify', data, '--no-memory']
  assert.equal((await run(verify)).exit, 0, 'no lock here, and none was named')

  const elsewhere = join(root, 'lock.db')
  await writeLock(elsewhere, lateLock)
  const named = await run([...verify, '--lock', elsewhere])
  assert.equal(named.exit, 1)
  assert.match(
    named.out,
    /^FAILED: state\/wal ends at entry [0-9]+, and checkpoint [0-9]+ was signed/,
  )

  await writeLock(join(data, 'state', 'lock.db'), lateLock)
  assert.equal((await run(verify)).exit, 1)

  const missing = await run([...verify, '--lock', join(root, 'nowhere.db')])
  assert.equal(missing.exit, 2)
  assert.match(missing.err, /there is no lock .*nowhere\.db/)
})

test('a lock that cannot be read is said, and decides nothing', async () => {
  const data = await onDisk(late)
  await writeFile(join(data, 'state', 'lock.db'), 'this is no database'.repeat(100))
  const { exit, out } = await run(['verify', data, '--no-memory'])
  assert.equal(exit, 0)
  assert.match(out, /not checked: lock was not read: .*not a database/)
})

async function onDisk(files: FileMap): Promise<string> {
  const place = await mkdtemp(join(root, 'ledger-'))
  for (const [path, bytes] of files.files) {
    await mkdir(dirname(join(place, path)), { recursive: true })
    await writeFile(join(place, path), bytes)
  }
  return join(place, DATA)
}

async function writeLock(path: string, from: ReadableLock): Promise<void> {
  const lock = sqliteLock(path)
  assert.ok(await lock.swap(0, String((await from.read())?.value)))
  await lock.close()
}

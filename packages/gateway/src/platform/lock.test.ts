import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import {
  claimDirectory,
  diskErrorCode,
  type Lock,
  LockCell,
  MemoryClaims,
  memoryLock,
  RemoteLock,
  serveLock,
  sqliteLock,
} from './index.ts'

const directory = mkdtempSync(join(tmpdir(), 'lock-test-'))
after(() => rmSync(directory, { recursive: true }))
let number = 0

const locks = [
  {
    name: 'sqlite',
    pair: (): (() => Lock) => {
      const path = join(directory, `${number++}.db`)
      return () => sqliteLock(path)
    },
  },
  {
    name: 'remote',
    pair: (): (() => Lock) => {
      const path = join(directory, `${number++}.db`)
      return () => remoteLock(path).lock
    },
  },
  {
    name: 'memory',
    pair: (): (() => Lock) => {
      const cell = new LockCell()
      return () => memoryLock({ cell })
    },
  },
]

for (const { name, pair } of locks) {
  test(`${name} lock: a value moves forward from its version and from no other`, async () => {
    const lock = pair()()
    assert.equal(await lock.read(), undefined)
    assert.equal(await lock.swap(1, 'too early'), false)
    assert.equal(await lock.swap(0, 'one'), true)
    assert.equal(await lock.swap(0, 'again'), false)
    assert.deepEqual(await lock.read(), { version: 1, value: 'one' })
    assert.equal(await lock.swap(1, 'two'), true)
    assert.deepEqual(await lock.read(), { version: 2, value: 'two' })
    await lock.close()
  })

  test(`${name} lock: of two holders only one advances`, async () => {
    const open = pair()
    const [one, other] = [open(), open()]
    await one.swap(0, 'start')
    for (let version = 1; version < 20; version++) {
      const moved = await Promise.all([one.swap(version, 'one'), other.swap(version, 'other')])
      assert.equal(moved.filter(Boolean).length, 1)
      assert.deepEqual(await one.read(), await other.read())
    }
    await one.close()
    await other.close()
  })

  test(`${name} lock: the value is there for whoever opens it next`, async () => {
    const open = pair()
    const first = open()
    await first.swap(0, 'kept')
    await first.close()
    const second = open()
    assert.deepEqual(await second.read(), { version: 1, value: 'kept' })
    await second.close()
  })
}

test('sqlite lock: a damaged file is an error, not an empty lock', async () => {
  const path = join(directory, 'damaged.db')
  writeFileSync(path, 'this is not a database, and says so at some length'.repeat(30))
  await assert.rejects(sqliteLock(path).read(), { code: 'DISK_IO' })
  await assert.rejects(sqliteLock(path).swap(0, 'x'), { code: 'DISK_IO' })
})

test('sqlite lock: a link in its place is refused', async () => {
  const path = join(directory, 'link.db')
  symlinkSync('/etc/passwd', path)
  await assert.rejects(sqliteLock(path).read(), { code: 'DISK_NOT_A_FILE' })
})

test('sqlite lock: whoever only reads it writes nothing, and makes no file', async () => {
  const path = join(directory, 'read.db')
  const reader = sqliteLock(path, { readOnly: true })
  assert.equal(await reader.read(), undefined)
  assert.equal(existsSync(path), false)
  const writer = sqliteLock(path)
  await writer.swap(0, 'one')
  assert.deepEqual(await reader.read(), { version: 1, value: 'one' })
  await assert.rejects(reader.swap(1, 'two'), { code: 'DISK_IO' })
  assert.ok(await writer.swap(1, 'two'))
  assert.deepEqual(await reader.read(), { version: 2, value: 'two' })
  await Promise.all([reader.close(), writer.close()])
})

test('sqlite lock: its directory is not made for it', async () => {
  const lock = sqliteLock(join(directory, 'unmounted', 'lock.db'))
  assert.equal(await lock.read(), undefined)
  await assert.rejects(lock.swap(0, 'x'), { code: 'DISK_IO' })
})

test('remote lock: what the other thread met is told as it was', async () => {
  const path = join(directory, 'remote-damaged.db')
  writeFileSync(path, 'this is not a database, and says so at some length'.repeat(30))
  const { lock } = remoteLock(path)
  try {
    const told = await problemOf(lock)
    assert.deepEqual(told, await problemOf(sqliteLock(path)))
    assert.equal(told.code, 'DISK_IO')
  } finally {
    await lock.close()
  }
})

async function problemOf(lock: Lock): Promise<{ readonly code: unknown; readonly text: string }> {
  const error = await lock.read().catch((cause: unknown) => cause)
  return { code: diskErrorCode(error), text: String(error) }
}

test('remote lock: what a thread that is gone was asked fails; the next one is asked', async () => {
  const path = join(directory, 'remote-gone.db')
  const { lock, far } = remoteLock(path)
  try {
    assert.equal(await lock.swap(0, 'one'), true)
    const asked = lock.swap(1, 'two')
    far.close()
    await assert.rejects(asked, { code: 'DISK_IO', message: /thread that holds it is gone/ })
    await assert.rejects(lock.read(), { code: 'DISK_IO' })
    lock.connect(served(path).near)
    assert.deepEqual(await lock.read(), { version: 1, value: 'one' })
  } finally {
    await lock.close()
  }
  await assert.rejects(lock.read(), { code: 'DISK_IO' })
})

function remoteLock(path: string): { readonly lock: RemoteLock; readonly far: MessagePort } {
  const { near, far } = served(path)
  const lock = new RemoteLock(path)
  lock.connect(near)
  return { lock, far }
}

function served(path: string): { readonly near: MessagePort; readonly far: MessagePort } {
  const { port1: near, port2: far } = new MessageChannel()
  serveLock(far, sqliteLock(path))
  return { near, far }
}

test('memory lock: a swap that fails may have happened', async () => {
  const lock = memoryLock()
  lock.failSwap('before')
  await assert.rejects(lock.swap(0, 'x'))
  assert.equal(await lock.read(), undefined)
  lock.failSwap('after')
  await assert.rejects(lock.swap(0, 'x'))
  assert.deepEqual(await lock.read(), { version: 1, value: 'x' })
})

const claims = [
  { name: 'real', claim: claimDirectory },
  { name: 'memory', claim: new MemoryClaims().claim },
]
for (const { name, claim } of claims) {
  test(`${name} claim: held by one at a time`, async () => {
    const owned = join(directory, `owned-${name}`)
    mkdirSync(owned)
    const first = await claim(owned)
    await assert.rejects(claim(owned), { code: 'DISK_OWNED' })
    await first.release()
    await first.release()
    const second = await claim(owned)
    await second.release()
  })
}

test('a claim dies with its process, however it dies', async () => {
  const owned = join(directory, 'killed')
  mkdirSync(owned)
  const program = `
    const { claimDirectory } = await import(${JSON.stringify(import.meta.resolve('./index.ts'))})
    await claimDirectory(${JSON.stringify(owned)})
    process.stdout.write('claimed')
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program])
  await once(child.stdout, 'data')
  await assert.rejects(claimDirectory(owned), { code: 'DISK_OWNED', message: /in use by another/ })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const mine = await claimDirectory(owned)
  await mine.release()
})

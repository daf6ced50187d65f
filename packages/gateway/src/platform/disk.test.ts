import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  type Disk,
  DiskError,
  FaultyDisk,
  nodeDisk,
  SimulatedDisk,
  systemClock,
  writeFileDurably,
} from './index.ts'

const real = mkdtempSync(join(tmpdir(), 'disk-test-'))
after(() => rmSync(real, { recursive: true }))

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (of: Uint8Array): string => new TextDecoder().decode(of)
const refused = (code: string) => (error: unknown) =>
  error instanceof DiskError && error.code === code && error.message.includes(error.path)

const disks = [
  { name: 'node', make: (): Disk => nodeDisk(), root: real },
  {
    name: 'faulty',
    make: (): Disk => new FaultyDisk(nodeDisk(), systemClock()),
    root: `${real}/faulty`,
  },
  { name: 'simulated', make: (): Disk => new SimulatedDisk(), root: '/work' },
] as const

for (const { name, make, root } of disks) {
  let number = 0
  const check = (what: string, run: (disk: Disk, home: string) => Promise<void>): void => {
    test(`${name} disk: ${what}`, async () => {
      const disk = make()
      const home = `${root}/${number++}`
      await disk.makeDirectory(home)
      await run(disk, home)
      if (disk instanceof SimulatedDisk) assert.deepEqual(disk.openFiles, [])
    })
  }

  check('what is written at an offset reads back, and the gap is zeros', async (disk, home) => {
    const file = await disk.open(`${home}/f`, { for: 'write', create: 'new' })
    await file.write(5000, bytes('end'))
    await file.write(0, bytes('start'))
    await file.sync()
    assert.equal(await file.size(), 5003)
    assert.equal(text(await file.read(0, 5)), 'start')
    assert.deepEqual(await file.read(4998, 4), Uint8Array.of(0, 0, 101, 110))
    await file.close()
    assert.equal((await disk.read(`${home}/f`)).length, 5003)
  })

  check('a read past the end is short, then empty', async (disk, home) => {
    await writeFileDurably(disk, `${home}/f`, bytes('abc'))
    const file = await disk.open(`${home}/f`, { for: 'read' })
    assert.equal(text(await file.read(1, 100)), 'bc')
    assert.equal((await file.read(3, 10)).length, 0)
    assert.equal((await file.read(9, 10)).length, 0)
    await file.close()
  })

  check('what is written takes room, and what is cut gives it back', async (disk, home) => {
    const { freeBytes, totalBytes } = await disk.space(home)
    assert.ok(freeBytes > 0 && freeBytes <= totalBytes)
    const file = await disk.open(`${home}/f`, { for: 'write', create: 'new', durable: true })
    await file.write(0, bytes('x'.repeat(100_000)))
    const { allocatedBytes = 0 } = (await disk.stat(`${home}/f`)) ?? {}
    assert.ok(allocatedBytes >= 100_000)
    await file.truncate(4096)
    assert.ok(((await disk.stat(`${home}/f`))?.allocatedBytes ?? 0) < allocatedBytes)
    await file.close()
  })

  check('truncation cuts, and what grows again is zeros', async (disk, home) => {
    const file = await disk.open(`${home}/f`, { for: 'write', create: 'new', durable: true })
    await file.write(0, bytes('abcdef'))
    await file.truncate(2)
    await file.truncate(4)
    assert.deepEqual(await file.read(0, 10), Uint8Array.of(97, 98, 0, 0))
    await file.close()
  })

  for (const [mode, there, want] of [
    ['new', false, 'opens'],
    ['new', true, 'DISK_EXISTS'],
    ['if-missing', false, 'opens'],
    ['if-missing', true, 'opens'],
    ['never', false, 'DISK_NOT_FOUND'],
    ['never', true, 'opens'],
  ] as const) {
    check(
      `create ${mode} of a file that is ${there ? '' : 'not '}there: ${want}`,
      async (disk, home) => {
        if (there) await writeFileDurably(disk, `${home}/f`, bytes('old'))
        const opening = disk.open(`${home}/f`, { for: 'write', create: mode })
        if (want !== 'opens') return assert.rejects(opening, refused(want))
        const file = await opening
        assert.equal(await file.size(), there ? 3 : 0)
        await file.close()
      },
    )
  }

  for (const [what, act, want] of [
    ['reading a missing file', (disk, at) => disk.read(`${at}/x`), 'DISK_NOT_FOUND'],
    ['reading a directory', (disk, at) => disk.read(`${at}/d`), 'DISK_NOT_A_FILE'],
    ['reading more than allowed', (disk, at) => disk.read(`${at}/f`, 2), 'DISK_TOO_LARGE'],
    ['listing what is missing', (disk, at) => disk.list(`${at}/x`), 'DISK_NOT_FOUND'],
    ['listing a file', (disk, at) => disk.list(`${at}/f`), 'DISK_NOT_A_FILE'],
    ['removing what is missing', (disk, at) => disk.remove(`${at}/x`), 'DISK_NOT_FOUND'],
    ['renaming what is missing', (disk, at) => disk.rename(`${at}/x`, `${at}/y`), 'DISK_NOT_FOUND'],
    ['removing a directory in use', (disk, at) => disk.removeDirectory(`${at}/d`), 'DISK_EXISTS'],
    ['a directory in a file', (disk, at) => disk.makeDirectory(`${at}/f/x`), 'DISK_EXISTS'],
    ['a directory for a file', (disk, at) => disk.makeDirectory(`${at}/f`), 'DISK_EXISTS'],
    ['syncing a missing directory', (disk, at) => disk.syncDirectory(`${at}/x`), 'DISK_NOT_FOUND'],
  ] as const satisfies readonly [string, (disk: Disk, at: string) => Promise<unknown>, string][]) {
    check(`${what}: ${want}`, async (disk, home) => {
      await writeFileDurably(disk, `${home}/f`, bytes('abc'))
      await disk.makeDirectory(`${home}/d/e`)
      await assert.rejects(act(disk, home), refused(want))
    })
  }

  check('a rename replaces, and listing is sorted with kinds', async (disk, home) => {
    await writeFileDurably(disk, `${home}/b`, bytes('new'))
    await writeFileDurably(disk, `${home}/a`, bytes('old'), { syncDirectory: true })
    await disk.makeDirectory(`${home}/c/d/e`)
    await disk.rename(`${home}/b`, `${home}/a`)
    assert.equal(text(await disk.read(`${home}/a`)), 'new')
    assert.deepEqual(await disk.list(home), [
      { name: 'a', kind: 'file' },
      { name: 'c', kind: 'directory' },
    ])
    await disk.removeDirectory(`${home}/c/d/e`)
    assert.deepEqual(await disk.list(`${home}/c/d`), [])
    assert.equal((await disk.stat(`${home}/c`))?.kind, 'directory')
    assert.equal(await disk.stat(`${home}/b`), undefined)
  })

  check('stat counts bytes and allocation', async (disk, home) => {
    await writeFileDurably(disk, `${home}/f`, new Uint8Array(10_000))
    const facts = await disk.stat(`${home}/f`)
    assert.deepEqual([facts?.kind, facts?.bytes], ['file', 10_000])
    assert.ok((facts?.allocatedBytes ?? 0) >= 10_000)
  })

  check('a leftover temporary file does not stop a durable write', async (disk, home) => {
    await writeFileDurably(disk, `${home}/f.tmp`, bytes('left by a crash'))
    await writeFileDurably(disk, `${home}/f`, bytes('whole'))
    assert.equal(text(await disk.read(`${home}/f`)), 'whole')
    assert.equal(await disk.stat(`${home}/f.tmp`), undefined)
  })

  check('an open file outlives its name', async (disk, home) => {
    const file = await disk.open(`${home}/f`, { for: 'write', create: 'new' })
    await file.write(0, bytes('abc'))
    await disk.remove(`${home}/f`)
    assert.equal(text(await file.read(0, 3)), 'abc')
    await file.close()
  })

  check(
    'using a file after close, and writing to one opened to read, are refused',
    async (disk, home) => {
      await writeFileDurably(disk, `${home}/f`, bytes('abc'))
      const file = await disk.open(`${home}/f`, { for: 'read' })
      await assert.rejects(file.write(0, bytes('x')), refused('DISK_IO'))
      await file.close()
      for (const act of [() => file.read(0, 1), () => file.size(), () => file.sync()]) {
        await assert.rejects(act(), refused('DISK_IO'))
      }
      await assert.rejects(file.close(), refused('DISK_IO'))
      if (disk instanceof SimulatedDisk) assert.equal(disk.misuses.length, 5)
    },
  )
}

for (const [what, plant] of [
  ['a symbolic link', (path: string) => symlinkSync('/etc/passwd', path)],
  ['a pipe', (path: string) => execFileSync('mkfifo', [path])],
] as const) {
  test(`node disk: ${what} in a file's place is refused and does not block`, async () => {
    const disk = nodeDisk()
    const path = join(real, what)
    plant(path)
    await assert.rejects(disk.read(path), refused('DISK_NOT_A_FILE'))
    const mode = { for: 'write', create: 'if-missing' } as const
    await assert.rejects(disk.open(path, mode), refused('DISK_NOT_A_FILE'))
    assert.equal((await disk.stat(path))?.kind, 'other')
    assert.equal((await disk.list(real)).find((entry) => entry.name === what)?.kind, 'other')
  })
}

test("simulated disk: a special file in a file's place is refused", async () => {
  const disk = new SimulatedDisk()
  disk.placeSpecial('/x')
  await assert.rejects(disk.read('/x'), refused('DISK_NOT_A_FILE'))
  assert.equal((await disk.stat('/x'))?.kind, 'other')
})

test('node disk: a file of ours can be read by nobody else', async () => {
  await writeFileDurably(nodeDisk(), join(real, 'private'), bytes('key'))
  const mode = execFileSync('stat', ['-c', '%a', join(real, 'private')], { encoding: 'utf8' })
  assert.equal(mode.trim(), '600')
})

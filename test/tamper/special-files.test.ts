// T26 on a real file system: links, pipes and directories in the place of files.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { nodeDisk } from '../../packages/gateway/src/platform/index.ts'
import { verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import { LogKeys, makeLog, someEntries } from './made-log.ts'

const keys = new LogKeys('log.example/1/q7x', 7)
const root = await mkdtemp(join(tmpdir(), 'countersign-special-'))
after(() => rm(root, { recursive: true }))

async function place(name: string): Promise<string> {
  const directory = join(root, name)
  for (const [path, bytes] of makeLog(keys, someEntries(12))) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), bytes)
  }
  return directory
}

/** Moves the true file away, and puts something in its place. */
type Swap = (path: string, moved: string) => Promise<void>

const SWAPS: readonly (readonly [string, Swap])[] = [
  ['a link to the very file', (path, moved) => symlink(moved, path)],
  [
    'a pipe',
    async (path) => {
      execFileSync('mkfifo', [path])
    },
  ],
  [
    'a directory',
    async (path) => {
      await mkdir(path)
    },
  ],
  ['a link to nothing', (path) => symlink('/nowhere/at/all', path)],
]

for (const file of ['checkpoint', 'vkeys', 'tile/entries/000.p/12', 'tile/0/000.p/12', 'tile/0']) {
  for (const [name, swap] of SWAPS) {
    if (file === 'tile/0' && name === 'a directory') continue // It is one.
    test(`${name} in place of ${file}`, async () => {
      const directory = await place(`${name} ${file.replaceAll('/', '-')}`)
      const path = join(directory, file)
      const moved = `${directory}-${file.replaceAll('/', '-')}`
      await rename(path, moved)
      await swap(path, moved)
      const report = await verifyDirectory({ disk: nodeDisk(), directory, keys: keys.vkeys })
      assert.equal(report.exit, 1, JSON.stringify(report))
      assert.ok(
        report.bad.some((each) => each.file === file),
        JSON.stringify(report.bad),
      )
    })
  }
}

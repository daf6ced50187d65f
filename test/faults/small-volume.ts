// A volume that a test can fill, without filling anybody else's.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { need } from '../needs.ts'

/** What `test` takes as `skip`: only root mounts. */
export const NO_SMALL_VOLUME: string | false = need('a small volume', {
  met: () => process.getuid?.() === 0 && process.platform === 'linux',
  install: 'run as root on Linux, to mount a tmpfs',
})

/** A volume in a directory of its own. */
export interface SmallVolume {
  readonly directory: string
  /** Where it is mounted. */
  readonly path: string
  /** Unmounts it, busy or not, and removes the directory. */
  close(): Promise<void>
}

/** `at`: where it is mounted, below a new directory. */
export async function smallVolume(mib: number, at: string = 'volume'): Promise<SmallVolume> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-volume-'))
  const path = join(directory, at)
  await mkdir(path, { recursive: true })
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', path])
  assert.equal(mounted.status, 0, String(mounted.stderr))
  return {
    directory,
    path,
    close: async () => {
      spawnSync('umount', ['-l', path])
      await rm(directory, { recursive: true, force: true })
    },
  }
}

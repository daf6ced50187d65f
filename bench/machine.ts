// The controls every bench carries: what this disk and this processor do without us.
import { spawnSync } from 'node:child_process'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'

const ROUNDS = 200
const WRITE_BYTES = 700

/** Median microseconds of a 700-byte write and fdatasync into a file whose blocks exist. */
export async function measureDisk(directory: string = import.meta.dirname): Promise<number> {
  const path = join(directory, `.disk-${process.pid}`)
  const file = await open(path, 'w')
  try {
    await file.write(Buffer.alloc(ROUNDS * WRITE_BYTES))
    await file.sync()
    const taken: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const started = performance.now()
      await file.write(Buffer.alloc(WRITE_BYTES, round), 0, WRITE_BYTES, round * WRITE_BYTES)
      await file.datasync()
      taken.push(performance.now() - started)
    }
    return Math.round((taken.sort((a, b) => a - b)[ROUNDS / 2] ?? 0) * 1000)
  } finally {
    await file.close()
    await rm(path, { force: true })
  }
}

/** MB/s of SHA-256 over 1 KiB blocks as `openssl speed` sees it; 0 where openssl is missing. */
export function measureSha256(): number {
  const told = spawnSync(
    'openssl',
    ['speed', '-mr', '-seconds', '1', '-bytes', '1024', '-evp', 'sha256'],
    { encoding: 'utf8' },
  )
  const rate = /\+F:\d+:[^:]+:([\d.]+)/.exec(told.stdout ?? '')
  return rate === null ? 0 : Math.round(Number(rate[1]) / 1e6)
}

// The controls every bench carries: what this disk and this processor do without us.
import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { join } from 'node:path'

const ROUNDS = 200
const WRITE_BYTES = 700

export interface DiskFigures {
  /** Of a 700-byte write and fdatasync into a file whose blocks exist. */
  readonly fdatasyncUs: number
  /** Of creating a file: on some file systems much dearer where many were removed lately. */
  readonly createUs: number
}

/** The medians of that file system. */
export async function measureDisk(within: string): Promise<DiskFigures> {
  await mkdir(within, { recursive: true })
  const directory = await mkdtemp(join(within, '.disk-'))
  try {
    const fdatasyncUs = await flushing(join(directory, 'flushed'))
    return { fdatasyncUs, createUs: creating(directory) }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function flushing(path: string): Promise<number> {
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
    return medianUs(taken)
  } finally {
    await file.close()
  }
}

function creating(directory: string): number {
  const taken = Array.from({ length: ROUNDS }, (_, nth) => {
    const started = performance.now()
    const file = openSync(join(directory, `${nth}`), 'wx')
    const ms = performance.now() - started
    closeSync(file)
    return ms
  })
  return medianUs(taken)
}

function medianUs(takenMs: readonly number[]): number {
  return Math.round((takenMs.toSorted((a, b) => a - b)[takenMs.length / 2] ?? 0) * 1000)
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

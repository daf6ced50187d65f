import { open, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Finding } from '../../cli/index.ts'

const MIB = 1_048_576
/** Below it a start may not find the space for its write-ahead log. */
const FREE_BYTES_MIN = 512 * MIB
/** Ten million exchanges, at what one takes. */
const FREE_BYTES_GOOD = 5 * 1024 * MIB
const FLUSHES = 64
const WRITE_BYTES = 4096
const SLOW_MS = 10

/** `f_type` of statfs(2), of those that change what a flush means. */
const KINDS: Readonly<Record<number, { readonly name: string; readonly fault: string }>> = {
  16914836: { name: 'tmpfs', fault: 'is memory: the ledger is gone with the machine' },
  26985: { name: 'nfs', fault: 'is on the network: locks and flushes are only as good as it is' },
  4283649346: { name: 'cifs', fault: 'is on the network: flushes are only as good as it is' },
  2035054128: { name: 'overlayfs', fault: 'is a container layer: gone with the container' },
}

/** Room, the kind of file system, and what a flush takes, measured with a scratch file. */
export async function* examineDisk(data: string): AsyncGenerator<Finding> {
  const topic = 'disk'
  const directory = await existing(data)
  const { type, bavail, bsize, ffree, files } = await statfs(directory)
  const kind = KINDS[type >>> 0]
  if (kind !== undefined) {
    const advice = 'put `data` on a disk of its own: a volume, ext4 or xfs'
    yield { topic, subject: data, state: 'warning', says: `${kind.name} ${kind.fault}`, advice }
  }
  const free = bavail * bsize
  yield {
    topic,
    subject: data,
    state: free < FREE_BYTES_MIN ? 'failure' : free < FREE_BYTES_GOOD ? 'warning' : 'ok',
    says: `${(free / 1024 / MIB).toFixed(1)} GiB free`,
    ...(free < FREE_BYTES_GOOD
      ? { advice: 'make room: without it no request is served; an exchange takes some 500 bytes' }
      : {}),
  }
  if (files > 0 && ffree / files < 0.05) {
    const says = `${ffree} inodes left of ${files}`
    yield { topic, subject: data, state: 'warning', says, advice: 'make room for more files' }
  }
  const flushMs = await measureFlush(directory)
  const says = `a flush takes ${flushMs.toFixed(2)} ms (median of ${FLUSHES})`
  if (flushMs <= SLOW_MS) yield { topic, subject: data, state: 'ok', says }
  else {
    const advice = 'every answer waits for two flushes: a faster disk, or one with a battery'
    yield { topic, subject: data, state: 'warning', says, advice }
  }
}

/** What is not there yet will be on the disk of what is. */
async function existing(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() === true || path === dirname(path) ? path : existing(dirname(path))
}

async function measureFlush(data: string): Promise<number> {
  const path = join(data, `.doctor-${process.pid}`)
  const file = await open(path, 'wx', 0o600)
  try {
    await file.write(Buffer.alloc(FLUSHES * WRITE_BYTES))
    await file.sync()
    const taken: number[] = []
    for (let at = 0; at < FLUSHES; at += 1) {
      const begun = process.hrtime.bigint()
      await file.write(Buffer.alloc(WRITE_BYTES, at), 0, WRITE_BYTES, at * WRITE_BYTES)
      await file.datasync()
      taken.push(Number(process.hrtime.bigint() - begun) / 1e6)
    }
    return taken.sort((one, other) => one - other)[FLUSHES / 2] ?? 0
  } finally {
    await file.close()
    await rm(path, { force: true })
  }
}

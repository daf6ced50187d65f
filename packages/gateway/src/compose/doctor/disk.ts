import { open, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Finding } from '../../cli/index.ts'
import type { Config } from '../../config/index.ts'
import { marksOf, RESERVE_PATH } from '../../ledger/index.ts'
import { see, unseen } from './seen.ts'

const MIB = 1_048_576
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
export async function* examineDisk({ data, disk }: Config): AsyncGenerator<Finding> {
  const topic = 'disk'
  const found = await existing(data)
  if ('finding' in found) return yield found.finding
  const { directory } = found
  const { type, bavail, blocks, bsize, ffree, files } = await statfs(directory)
  const kind = KINDS[type >>> 0]
  if (kind !== undefined) {
    const advice = 'put `data` on a disk of its own: a volume, ext4 or xfs'
    yield { topic, subject: data, state: 'warning', says: `${kind.name} ${kind.fault}`, advice }
  }
  const free = bavail * bsize
  const { warnBytes, refuseBytes } = marksOf(disk, blocks * bsize)
  const goodBytes = Math.max(warnBytes, FREE_BYTES_GOOD)
  const marks = `low below ${room(warnBytes)}, nothing is forwarded below ${room(refuseBytes)}`
  yield {
    topic,
    subject: data,
    state: free < refuseBytes ? 'failure' : free < goodBytes ? 'warning' : 'ok',
    says: `${room(free)} free (${marks})`,
    ...(free < goodBytes
      ? { advice: 'make room: without it no request is served; an exchange takes some 500 bytes' }
      : {}),
  }
  yield* examineReserve(data, disk.reserveBytes)
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

/** Whether what is kept for refusals and administration is there. */
async function* examineReserve(data: string, wantedBytes: number): AsyncGenerator<Finding> {
  const common = { topic: 'disk', subject: join(data, RESERVE_PATH) }
  if (wantedBytes === 0) {
    const advice = 'disk.reserveBytes: without it a full disk can record no quarantine either'
    yield { ...common, state: 'warning', says: 'no room is kept', advice }
    return
  }
  const found = await see('disk', common.subject)
  if (found.kind === 'unseen') return yield found.finding
  const wanted = `${Math.round(wantedBytes / MIB)} MiB`
  if (found.kind === 'nothing') {
    yield {
      ...common,
      state: 'ok',
      says: `${wanted} will be kept, as soon as it runs and there is room`,
    }
    return
  }
  const keptBytes = Math.min(found.facts.size, found.facts.blocks * 512)
  const says = `${Math.round(keptBytes / MIB)} of ${wanted} are kept`
  if (keptBytes >= wantedBytes) return yield { ...common, state: 'ok', says }
  const advice = 'make room: what is kept is in use, and nothing is forwarded until it is whole'
  yield { ...common, state: 'failure', says, advice }
}

function room(bytes: number): string {
  const mib = bytes / MIB
  return mib < 1024 ? `${Math.round(mib)} MiB` : `${(mib / 1024).toFixed(1)} GiB`
}

/** What is not there yet will be on the disk of what is. */
async function existing(
  path: string,
): Promise<{ readonly directory: string } | { readonly finding: Finding }> {
  const found = await see('disk', path)
  if (found.kind === 'unseen') return found
  if (found.kind === 'nothing') return existing(dirname(path))
  if (found.facts.isDirectory()) return { directory: path }
  return { finding: unseen('disk', path, 'it is no directory') }
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

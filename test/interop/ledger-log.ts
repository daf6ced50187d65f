// Logs as our ledger writes them on a real disk. Only the packing of payloads is left out: it
// writes beside the log, never into it.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { treeSize } from '@countersign/tlog'
import {
  Ledger,
  LocalIntegration,
  openLogKeys,
  type Packer,
  SEGMENT_LIMITS,
} from '../../packages/gateway/src/ledger/index.ts'
import {
  claimDirectory,
  ed25519,
  mlDsa44,
  nodeDisk,
  nodeSha256 as sha256,
  sqliteLock,
  systemClock,
  systemRandom,
} from '../../packages/gateway/src/platform/index.ts'
import { newKekText, parseKek, Vault } from '../../packages/gateway/src/vault/index.ts'

export const ORIGIN = 'interop.example/log/1'

/** A log directory, and what a stranger is told to verify it with. */
export interface WrittenLog {
  readonly directory: string
  readonly vkeys: readonly string[]
}

/** Appends `entry-0` to the last of `sizes`, publishing at each of them, and closes the ledger. */
export async function writeLog(data: string, sizes: readonly number[]): Promise<WrittenLog> {
  const [disk, clock, random] = [nodeDisk(), systemClock(), systemRandom()]
  const keys = join(data, 'keys')
  await mkdir(join(data, 'state'), { recursive: true })
  await mkdir(keys)
  const directory = join(data, '1', 'log')
  const kek = parseKek(newKekText(random))
  const nowUs = clock.nowUs()
  const vault = await Vault.open({ disk, random, directory: keys, origin: ORIGIN, kek, nowUs })
  const keyFiles = { disk, clock, random, sha256, directory: keys, epoch: 1, origin: ORIGIN }
  const signer = await openLogKeys({ ...keyFiles, ed25519, mlDsa44 })
  const ledger = await Ledger.open({
    disk,
    clock,
    lock: sqliteLock(join(data, 'state', 'lock.db')),
    claim: claimDirectory,
    sealer: vault.sealer,
    signer,
    sha256,
    algorithms: { ed25519, mlDsa44 },
    openIntegration: () => new LocalIntegration({ disk, directory, sha256, packer: packsNothing }),
    data,
    epoch: 1,
    publishEveryMs: 1,
    limits: SEGMENT_LIMITS,
    rollbackProtection: 'none',
  })
  for (const size of sizes) await appendUpTo(ledger, size)
  await ledger.close()
  return { directory, vkeys: signer.vkeys }
}

export function entryAt(index: number): Uint8Array {
  return Buffer.from(`entry-${index}`)
}

async function appendUpTo(ledger: Ledger, size: number): Promise<void> {
  const payload = new Uint8Array(0)
  const appends: Promise<unknown>[] = []
  for (let index: number = ledger.size; index < size; index += 1) {
    appends.push(ledger.append({ leaf: entryAt(index), payload }))
  }
  await Promise.all(appends)
  await ledger.waitPublished(treeSize(size))
}

const packsNothing: Packer = {
  add: () => undefined,
  keptFrom: Number.MAX_SAFE_INTEGER,
  settle: () => Promise.resolve([]),
  closeSegment: () => Promise.resolve([]),
  resume: () => Promise.resolve(),
}

import {
  formatVerifierKey,
  type NoteVerifier,
  noteSigner,
  noteVerifier,
  SIGNATURE_TYPES,
  verifierKey,
} from '@countersign/tlog'
import {
  type LedgerOptions,
  LocalIntegration,
  localCheckpointSigner,
  openWal,
  type SegmentLimits,
  type Wal,
} from '../../packages/gateway/src/ledger/index.ts'
import {
  type Claim,
  type Clock,
  type Disk,
  type Lock,
  nodeSha256,
  type Random,
  systemRandom,
} from '../../packages/gateway/src/platform/index.ts'
import {
  BlockPacker,
  BlockReader,
  BodyReader,
  decodePayload,
  KeyRing,
  parseKek,
  segmentSealer,
  Vault,
} from '../../packages/gateway/src/vault/index.ts'
import { hashedAlgorithm } from './hashed-algorithm.ts'

export const EPOCH = 1

/** More than any simulated ledger holds. */
const BACKLOG_ENTRIES = 98_304
export const ORIGIN = 'simulation.example/log'

const KEK = parseKek('5c'.repeat(32))
const SEED = new Uint8Array(32).fill(7)

const ALGORITHMS = {
  ed25519: hashedAlgorithm({ publicKey: 32, signature: 64 }),
  mlDsa44: hashedAlgorithm({ publicKey: 1312, signature: 2420 }),
}
const KEYS = [
  { type: SIGNATURE_TYPES.ed25519, signer: ALGORITHMS.ed25519.signer(SEED) },
  { type: SIGNATURE_TYPES.mlDsa44, signer: ALGORITHMS.mlDsa44.signer(SEED) },
].map(({ type, signer }) => {
  const key = verifierKey(nodeSha256, { name: ORIGIN, type, publicKey: signer.publicKey })
  return { key, signer: noteSigner(key, signer.sign) }
})
const VKEYS = KEYS.map(({ key }) => formatVerifierKey(nodeSha256, key))

export const VERIFIERS: readonly NoteVerifier[] = KEYS.map(({ key }) =>
  noteVerifier(key, ALGORITHMS),
)

/** What a ledger and a vault meet of the world. */
export interface World {
  readonly disk: Disk
  /** Where it is another one: the disk of tiles, bundles and blocks. */
  readonly integrationDisk?: Disk
  readonly clock: Clock
  readonly random: Random
  readonly lock: Lock
  readonly claim: Claim
  /** The data directory. */
  readonly data: string
  readonly limits: SegmentLimits
  readonly publishEveryMs: number
  readonly backlogEntriesMax?: number
}

export function openVault({ disk, clock, random, data }: World): Promise<Vault> {
  const [directory, nowUs] = [`${data}/keys`, clock.nowUs()]
  return Vault.open({ disk, random, directory, origin: ORIGIN, kek: KEK, nowUs })
}

/** The ledger as `main` puts it together, integration in this thread, with signatures of hashes. */
export function assembleLedger(world: World, vault: Vault): LedgerOptions {
  const {
    disk,
    clock,
    lock,
    claim,
    data,
    limits,
    publishEveryMs,
    backlogEntriesMax = BACKLOG_ENTRIES,
  } = world
  const signers = KEYS.map(({ signer }) => signer)
  return {
    disk,
    clock,
    lock,
    claim,
    sealer: vault.sealer,
    signer: localCheckpointSigner({ origin: ORIGIN, vkeys: VKEYS, signers, clock }),
    sha256: nodeSha256,
    algorithms: ALGORITHMS,
    openIntegration: () => openIntegration(world),
    data,
    epoch: EPOCH,
    publishEveryMs,
    backlogEntriesMax,
    limits,
    rollbackProtection: 'lock',
  }
}

export function openWrittenAhead(disk: Disk, data: string): Promise<Wal> {
  const sealer = segmentSealer({ kek: KEK, random: systemRandom(), origin: ORIGIN })
  return openWal({ disk, directory: `${data}/state/wal`, sealer })
}

/** Opens captured bodies, under keys that may stand in the write-ahead log alone. */
export async function openBodyReader(disk: Disk, data: string): Promise<BodyReader> {
  const ring = new KeyRing({ disk, directory: `${data}/keys`, kek: KEK, origin: ORIGIN })
  const wal = await openWrittenAhead(disk, data)
  for await (const { payload } of wal.entries()) {
    for (const row of decodePayload(payload)?.rows ?? []) ring.learn(row)
  }
  return new BodyReader({ disk, ring, origin: ORIGIN, data })
}

/** Opens what is sealed: blocks, persons, and the write-ahead log for what is in neither yet. */
export async function openSealed(disk: Disk, data: string): Promise<BlockReader> {
  const directory = `${data}/keys`
  const wal = await openWrittenAhead(disk, data)
  const payloads = new Map<number, Uint8Array>()
  for await (const { index, payload } of wal.entries()) payloads.set(index, payload)
  return new BlockReader({
    disk,
    ring: new KeyRing({ disk, directory, kek: KEK, origin: ORIGIN }),
    origin: ORIGIN,
    epochDirectory: `${data}/${EPOCH}`,
    unpacked: async (index) => payloads.get(index),
  })
}

function openIntegration({ disk: main, integrationDisk: disk = main, random, data }: World) {
  const ring = new KeyRing({ disk, directory: `${data}/keys`, kek: KEK, origin: ORIGIN })
  const epochDirectory = `${data}/${EPOCH}`
  // Few blocks are finished here: each is packed plainly, what is left of a segment in columns.
  const packing = { disk, random, ring, origin: ORIGIN, epochDirectory, plainBlocksMin: 1 }
  const packer = new BlockPacker(packing)
  const directory = `${epochDirectory}/log`
  return new LocalIntegration({ disk, directory, sha256: nodeSha256, packer })
}

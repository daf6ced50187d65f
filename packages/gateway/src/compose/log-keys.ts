import { join } from 'node:path'
import {
  formatSignerKey,
  formatVerifierKey,
  type NoteSigner,
  noteSigner,
  parseSignerKey,
  SEED_BYTES,
  SIGNATURE_TYPES,
  type SignatureType,
  type SignerKey,
} from '@countersign/tlog'
import {
  type Disk,
  diskErrorCode,
  ed25519,
  mlDsa44,
  nodeSha256,
  type Random,
  type SeededSigner,
  writeFileDurably,
} from '../platform/index.ts'

/** The keys that sign one epoch's checkpoints, all under its origin. */
export interface LogKeys {
  readonly origin: string
  /** One verifier key a line of `log/vkeys`. */
  readonly vkeys: readonly string[]
  readonly signers: readonly NoteSigner[]
}

export interface LogKeysOptions {
  readonly disk: Disk
  readonly random: Random
  /** `keys` of the data directory. */
  readonly directory: string
  readonly epoch: number
  /** What a new log's origin begins with. */
  readonly originPrefix: string
}

/** Both on every checkpoint: what verifies logs today, and what a quantum computer cannot forge. */
const TYPES = [SIGNATURE_TYPES.ed25519, SIGNATURE_TYPES.mlDsa44] as const
const FILE_BYTES_MAX = 4096
const ORIGIN_RANDOM_BYTES = 8

/**
 * Opens the signing keys of an epoch, made when there are none. An origin holds random characters:
 * a log that is begun anew in the same place is another log, not a fork of the old one.
 */
export async function openLogKeys(options: LogKeysOptions): Promise<LogKeys> {
  const file = join(options.directory, `log-${options.epoch}.keys`)
  const text = (await readIfThere(options.disk, file)) ?? (await createKeys(options, file))
  const keys = text.trimEnd().split('\n').map(parseKey)
  const origin = keys[0]?.name ?? ''
  const types = keys.map(({ type }) => type)
  if (types.join() !== TYPES.join() || keys.some(({ name }) => name !== origin)) {
    throw new Error(`${file} does not hold an Ed25519 and an ML-DSA-44 key of one origin`)
  }
  return {
    origin,
    vkeys: keys.map((key) => formatVerifierKey(nodeSha256, key)),
    signers: keys.map((key) => noteSigner(key, signerOf(key.type, key.seed).sign)),
  }
}

async function createKeys(options: LogKeysOptions, file: string): Promise<string> {
  const { disk, directory, originPrefix, random } = options
  const name = `${originPrefix}/${Buffer.from(random.bytes(ORIGIN_RANDOM_BYTES)).toString('hex')}`
  const lines = TYPES.map((type) => {
    const seed = random.bytes(SEED_BYTES)
    const { publicKey } = signerOf(type, seed)
    return `${formatSignerKey(nodeSha256, { name, type, publicKey, seed })}\n`
  })
  await disk.makeDirectory(directory)
  const bytes = new TextEncoder().encode(lines.join(''))
  await writeFileDurably(disk, file, bytes, { syncDirectory: true })
  return lines.join('')
}

async function readIfThere(disk: Disk, file: string): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await disk.read(file, FILE_BYTES_MAX))
  } catch (error) {
    if (diskErrorCode(error) === 'DISK_NOT_FOUND') return undefined
    throw error
  }
}

function parseKey(line: string): SignerKey {
  return parseSignerKey(nodeSha256, line, (type, seed) => signerOf(type, seed).publicKey)
}

function signerOf(type: SignatureType, seed: Uint8Array): SeededSigner {
  return type === SIGNATURE_TYPES.mlDsa44 ? mlDsa44.signer(seed) : ed25519.signer(seed)
}

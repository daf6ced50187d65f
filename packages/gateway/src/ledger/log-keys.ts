import {
  formatSignerKey,
  formatVerifierKey,
  noteSigner,
  parseSignerKey,
  type Sha256,
  SIGNATURE_TYPES,
  type SignatureType,
  verifierKey,
} from '@countersign/tlog'
import {
  type Clock,
  type Disk,
  diskErrorCode,
  type Random,
  writeFileDurably,
} from '../platform/index.ts'
import { type CheckpointSigner, localCheckpointSigner } from './checkpoint-signer.ts'
import { LedgerError } from './error.ts'

/** An algorithm that signs with a 32-byte seed. */
export interface SeededAlgorithm {
  signer(seed: Uint8Array): {
    readonly publicKey: Uint8Array
    sign(message: Uint8Array): Uint8Array
  }
}

export interface LogKeysOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly sha256: Sha256
  readonly ed25519: SeededAlgorithm
  readonly mlDsa44: SeededAlgorithm
  /** The directory of keys, which must exist. */
  readonly directory: string
  readonly epoch: number
  /** The log's name; a new key is made under it, an old one must bear it. */
  readonly origin: string
  /** Whether keys that are not there may be made; false: something was signed with them. */
  readonly mayCreate?: boolean
}

const SEED_BYTES = 32
const KEY_BYTES_MAX = 1_000

/** The log's own keys as files: `<epoch>.ed25519` and `<epoch>.mldsa44`, each a Go signer key. */
export async function openLogKeys(options: LogKeysOptions): Promise<CheckpointSigner> {
  const keys = [
    await openKey(options, 'ed25519', SIGNATURE_TYPES.ed25519),
    await openKey(options, 'mldsa44', SIGNATURE_TYPES.mlDsa44),
  ]
  const { origin, clock } = options
  const vkeys = keys.map(({ vkey }) => vkey)
  const signers = keys.map(({ signer }) => signer)
  return localCheckpointSigner({ origin, vkeys, signers, clock })
}

async function openKey(options: LogKeysOptions, suffix: string, type: SignatureType) {
  const { sha256, origin } = options
  const algorithm = type === SIGNATURE_TYPES.ed25519 ? options.ed25519 : options.mlDsa44
  const path = `${options.directory}/${options.epoch}.${suffix}`
  const known = await readKey(options.disk, path)
  if (known === undefined && options.mayCreate === false) throw missingKey(path)
  const text = known ?? (await makeKey(options, algorithm, type, path))
  const publicKeyOf = (_: SignatureType, seed: Uint8Array) => algorithm.signer(seed).publicKey
  const key = parseSignerKey(sha256, text, publicKeyOf)
  if (key.name !== origin || key.type !== type) {
    throw new LedgerError('LEDGER_KEYS', `${path} holds a key of ${key.name}, not of ${origin}`)
  }
  const secret = algorithm.signer(key.seed)
  return {
    vkey: formatVerifierKey(sha256, key),
    signer: noteSigner(verifierKey(sha256, key), (message) => secret.sign(message)),
  }
}

/** A key of the log that something was signed with, and that is not there. */
export function missingKey(path: string): LedgerError {
  return new LedgerError('LEDGER_KEYS', `${path} is missing: restore it; nothing was changed`)
}

async function readKey(disk: Disk, path: string): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await disk.read(path, KEY_BYTES_MAX)).trimEnd()
  } catch (error) {
    if (diskErrorCode(error) === 'DISK_NOT_FOUND') return undefined
    throw error
  }
}

async function makeKey(
  { disk, random, sha256, origin }: LogKeysOptions,
  algorithm: SeededAlgorithm,
  type: SignatureType,
  path: string,
): Promise<string> {
  const seed = random.bytes(SEED_BYTES)
  const { publicKey } = algorithm.signer(seed)
  const text = formatSignerKey(sha256, { name: origin, type, publicKey, seed })
  await writeFileDurably(disk, path, new TextEncoder().encode(`${text}\n`), { syncDirectory: true })
  return text
}

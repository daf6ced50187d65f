import { type Disk, diskErrorCode, nodeSha256 } from '../platform/index.ts'
import {
  BlockReader,
  BodyReader,
  type Kek,
  KeyRing,
  parseKek,
  segmentSealer,
  VaultError,
} from '../vault/index.ts'
import { FilesRead } from './files-read.ts'
import type { Findings } from './report.ts'
import { strangeness } from './source.ts'
import { VerifyError } from './verify-error.ts'
import { WriteAhead } from './write-ahead.ts'

export interface OpenRecordsOptions {
  readonly disk: Disk
  /** The data directory. */
  readonly data: string
  readonly epoch: number
  /** The write-ahead log belongs to the newest epoch; those before are packed whole. */
  readonly isNewest?: boolean
  readonly origin: string
  /** Entries that were signed for before this is called: all of them were written ahead. */
  readonly size?: number
  /** The key-encryption key as text; absent: as found in the data directory. */
  readonly kek: string | undefined
  /** Names files relative to the data directory. */
  readonly to: Findings
}

/** What opens the records of an epoch. */
export interface Records {
  readonly reader: BlockReader
  readonly writeAhead: WriteAhead
  readonly bodies: BodyReader
  /** What the reader read. */
  readonly files: FilesRead
  /** Whether a key is here, by its id in hexadecimal. */
  readonly holdsKey: (keyId: string) => Promise<boolean>
}

const KEK_BYTES_MAX = 256
/** Each record brings what it uses first: of the ledger, of who asked, the actor, and a body. */
const KEYS_A_RECORD_MAX = 4
/** Entries beyond the checkpoint, whose keys may be in the files already. */
const UNPUBLISHED_MAX = 131_072

/** Undefined where there is no key: the log can be audited, the records cannot. */
export async function openRecords(options: OpenRecordsOptions): Promise<Records | undefined> {
  const { disk, data, epoch, origin, size = 0, to } = options
  const kek = await findKek(options)
  if (kek === undefined) return undefined
  const rowsMax = KEYS_A_RECORD_MAX * (size + UNPUBLISHED_MAX)
  const ring = new KeyRing({ disk, directory: `${data}/keys`, kek, origin, rowsMax })
  const sealer = segmentSealer({ kek, random: NO_RANDOM, origin })
  const directory = `${data}/state/wal`
  const writeAhead =
    (options.isNewest ?? true)
      ? await WriteAhead.read({ disk, directory, sealer, ring, size, to })
      : WriteAhead.none
  const files = new FilesRead(nodeSha256)
  const reader = new BlockReader({
    disk,
    ring,
    origin,
    epochDirectory: `${data}/${epoch}`,
    unpacked: (index) => Promise.resolve(writeAhead.payload(index)),
    onRead: (path, bytes) => files.note(path, bytes),
  })
  const bodies = new BodyReader({ disk, ring, origin, data })
  return { reader, writeAhead, bodies, files, holdsKey: (keyId) => holds(ring, keyId) }
}

async function holds(ring: KeyRing, keyId: string): Promise<boolean> {
  try {
    await ring.key(Buffer.from(keyId, 'hex'))
    return true
  } catch (fault) {
    if (fault instanceof VaultError) return fault.code !== 'VAULT_KEY_MISSING'
    throw fault
  }
}

/** Nothing is sealed here. */
const NO_RANDOM = {
  bytes(): never {
    throw new Error('an audit makes no keys')
  },
}

async function findKek(options: OpenRecordsOptions): Promise<Kek | undefined> {
  const { kek: given, to } = options
  const text = given ?? (await readText(options, 'keys/kek'))
  if (text === undefined) return undefined
  try {
    const kek = parseKek(text)
    const check = await readText(options, 'keys/kek.check')
    const wanted = `countersign/kek-check/v1 ${Buffer.from(kek.checkValue).toString('hex')}\n`
    if (check === wanted) return kek
    if (given === undefined) {
      const why = check === undefined ? 'has lost its check value' : 'is not the key of this ledger'
      to.add('key', why, { file: 'keys/kek' })
      return undefined
    }
    throw new VerifyError('VERIFY_USAGE', 'the key-encryption key given is not of this ledger')
  } catch (cause) {
    if (!(cause instanceof VaultError)) throw cause
    if (given !== undefined) throw new VerifyError('VERIFY_USAGE', cause.message, { cause })
    to.add('key', cause.message, { file: 'keys/kek' })
    return undefined
  }
}

async function readText(
  { disk, data, to }: OpenRecordsOptions,
  file: string,
): Promise<string | undefined> {
  try {
    return Buffer.from(await disk.read(`${data}/${file}`, KEK_BYTES_MAX)).toString('utf8')
  } catch (cause) {
    const why = strangeness(cause)
    if (why !== undefined) to.add('file', why, { file })
    if (why !== undefined || diskErrorCode(cause) === 'DISK_NOT_FOUND') return undefined
    throw new VerifyError('VERIFY_UNREADABLE', `cannot read ${data}/${file}`, { cause })
  }
}

import { decodeBase64, encodeBase64, type Hash, parseDecimal } from '@countersign/tlog'
import { type Disk, diskErrorCode, nodeSha256, writeFileDurably } from '../platform/index.ts'
import { VerifyError } from './verify-error.ts'

/** What was seen of a log when it was last found good. */
export interface Seen {
  readonly size: number
  readonly root: Hash
}

const FILE_BYTES_MAX = 8_192

/**
 * The verifier's own memory, a small file for each key: a log that was once seen at some size can
 * never again be shown shorter, or with another past. It lies with the verifier, not with the log.
 */
export class Memory {
  readonly #disk: Disk
  readonly #directory: string

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  /** The largest tree seen under this key. Throws VerifyError for a file that is not ours. */
  async recall(vkey: string): Promise<Seen | undefined> {
    const path = this.#pathOf(vkey)
    try {
      return parse(Buffer.from(await this.#disk.read(path, FILE_BYTES_MAX)).toString(), vkey)
    } catch (cause) {
      if (diskErrorCode(cause) === 'DISK_NOT_FOUND') return undefined
      const message = `cannot read ${path}, what was remembered of this log`
      throw new VerifyError('VERIFY_UNREADABLE', message, { cause })
    }
  }

  async remember(vkey: string, { size, root }: Seen): Promise<void> {
    const text = `${vkey}\n${size}\n${encodeBase64(root)}\n`
    await this.#disk.makeDirectory(this.#directory)
    const path = this.#pathOf(vkey)
    await writeFileDurably(this.#disk, path, new TextEncoder().encode(text), {
      syncDirectory: true,
    })
  }

  #pathOf(vkey: string): string {
    const name = Buffer.from(nodeSha256.digest(new TextEncoder().encode(vkey))).toString('hex')
    return `${this.#directory}/seen-${name.slice(0, 32)}`
  }
}

function parse(text: string, vkey: string): Seen {
  const [key, size = '', root = '', end, ...more] = text.split('\n')
  if (key !== vkey || end !== '' || more.length > 0) throw new Error('not written by this program')
  return { size: parseDecimal(size), root: decodeBase64(root) }
}

/** Where memory is kept: `$XDG_STATE_HOME/countersign`, or `.local/state` in the home directory. */
export function memoryDirectory(
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const { XDG_STATE_HOME: state, HOME: home } = environment
  if (state?.startsWith('/') === true) return `${state}/countersign`
  return home === undefined || home === '' ? undefined : `${home}/.local/state/countersign`
}

import { decodeBase64, encodeBase64, type Hash, parseDecimal } from '@countersign/tlog'
import {
  type Disk,
  diskErrorCode,
  nodeSha256,
  type Random,
  writeFileDurably,
} from '../platform/index.ts'
import { VerifyError } from './verify-error.ts'

/** What was seen of a log when it was last found good. */
export interface Seen {
  readonly size: number
  readonly root: Hash
}

const FILE_BYTES_MAX = 8_192
const WRITER_BYTES = 8

/**
 * The verifier's own memory, a small file for each key: a log that was once seen at some size can
 * never again be shown shorter, or with another past. It lies with the verifier, not with the log.
 */
export class Memory {
  readonly #disk: Disk
  readonly #directory: string
  readonly #random: Random

  constructor(disk: Disk, directory: string, random: Random) {
    this.#disk = disk
    this.#directory = directory
    this.#random = random
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

  /** Another audit may have come further meanwhile: what is remembered never shrinks. */
  async remember(vkey: string, { size, root }: Seen): Promise<void> {
    const known = await this.recall(vkey)
    if (known !== undefined && known.size > size) return
    await this.#write(this.#pathOf(vkey), `${vkey}\n${size}\n${encodeBase64(root)}\n`)
  }

  /** The key of this kind that a log of this name had. */
  async recallKey(origin: string, type: number): Promise<string | undefined> {
    const path = this.#keyPathOf(origin, type)
    try {
      const text = Buffer.from(await this.#disk.read(path, FILE_BYTES_MAX)).toString()
      const [name, vkey = '', end, ...more] = text.split('\n')
      if (name === origin && end === '' && more.length === 0) return vkey
      throw new Error('not written by this program')
    } catch (cause) {
      if (diskErrorCode(cause) === 'DISK_NOT_FOUND') return undefined
      const message = `cannot read ${path}, what was remembered of the keys of this log`
      throw new VerifyError('VERIFY_UNREADABLE', message, { cause })
    }
  }

  async rememberKey(origin: string, type: number, vkey: string): Promise<void> {
    if ((await this.recallKey(origin, type)) !== undefined) return
    await this.#write(this.#keyPathOf(origin, type), `${origin}\n${vkey}\n`)
  }

  async #write(path: string, text: string): Promise<void> {
    await this.#disk.makeDirectory(this.#directory)
    // Several audits may end at the same time, and all of them remember the same log.
    const writer = Buffer.from(this.#random.bytes(WRITER_BYTES)).toString('hex')
    await writeFileDurably(this.#disk, path, new TextEncoder().encode(text), {
      syncDirectory: true,
      writer,
    })
  }

  #pathOf(vkey: string): string {
    return `${this.#directory}/seen-${nameFor(vkey)}`
  }

  #keyPathOf(origin: string, type: number): string {
    return `${this.#directory}/key-${nameFor(`${type} ${origin}`)}`
  }
}

function nameFor(text: string): string {
  const digest = nodeSha256.digest(new TextEncoder().encode(text))
  return Buffer.from(digest).toString('hex').slice(0, 32)
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

import { dirname, join } from 'node:path'
import {
  type Disk,
  diskErrorCode,
  isTemporaryName,
  type Random,
  TEMPORARY_SUFFIX,
} from '../../platform/index.ts'
import type { SealKey } from '../seal-key.ts'
import { BODY_SALT_BYTES, FILE_ID_BYTES } from './body-format.ts'
import {
  BODIES_FOLDER,
  bodyPath,
  INCOMING_FOLDER,
  incomingName,
  parseIncomingName,
} from './body-path.ts'
import { BodyWriter, type SealedBody, temporaryName } from './body-writer.ts'

export interface BodyStoreOptions {
  readonly disk: Disk
  readonly random: Random
  readonly origin: string
  /** The data directory. */
  readonly data: string
  /** Told of what fails after a body is safe: nothing is lost by it. */
  readonly onFault: (fault: unknown) => void
}

/** A body of an earlier life: perhaps a record names it, perhaps none ever will. */
export interface LeftBody {
  readonly sha256: string
  /** The life of the ledger that it was to be recorded in; a later one may have done so. */
  readonly incarnation: number
  readonly path: string
}

/**
 * The files of captured bodies. A body waits among the incoming until the record that names it is
 * durable, so that after a crash only these few can be named by no record.
 */
export class BodyStore {
  readonly #options: BodyStoreOptions
  readonly #incoming: string
  readonly #folders = new Map<string, Promise<void>>()
  #flushing: Promise<void> | undefined
  #flushNext: Promise<void> | undefined

  constructor(options: BodyStoreOptions) {
    this.#options = options
    this.#incoming = join(options.data, BODIES_FOLDER, INCOMING_FOLDER)
  }

  /** Removes what no record can name, and says of what else was left that somebody must look. */
  async open(): Promise<readonly LeftBody[]> {
    const { disk } = this.#options
    const left: LeftBody[] = []
    for (const { name } of await this.#listed()) {
      const path = join(this.#incoming, name)
      const named = parseIncomingName(name)
      if (isTemporaryName(name)) await disk.remove(path)
      else if (named !== undefined) left.push({ ...named, path })
    }
    return left
  }

  /** A new body under `key`, to be named by a record of `incarnation` or a later one. */
  async begin(key: SealKey, incarnation: number): Promise<BodyWriter> {
    const { disk, random, origin } = this.#options
    await this.#folder(this.#incoming)
    const fileId = random.bytes(FILE_ID_BYTES)
    const temporary = join(this.#incoming, `${temporaryName(fileId)}${TEMPORARY_SUFFIX}`)
    const settle = async (sha256: string): Promise<string> => {
      const path = join(this.#incoming, incomingName(incarnation, sha256))
      await disk.rename(temporary, path)
      try {
        await this.#flush()
      } catch (fault) {
        await this.drop({ path })
        throw fault
      }
      return path
    }
    const salt = random.bytes(BODY_SALT_BYTES)
    return new BodyWriter({ disk, origin, key, fileId, salt, temporary, settle })
  }

  /** A durable record names it: it goes where it stays. Never rejects. */
  async keep({ sha256, path }: Pick<SealedBody, 'sha256' | 'path'>): Promise<void> {
    const { disk, data, onFault } = this.#options
    try {
      const place = join(data, bodyPath(sha256))
      await this.#folder(dirname(place))
      await disk.rename(path, place)
    } catch (fault) {
      onFault(fault)
    }
  }

  /** No record names it, and none ever will. Never rejects. */
  async drop({ path }: Pick<SealedBody, 'path'>): Promise<void> {
    try {
      await this.#options.disk.remove(path)
    } catch (fault) {
      this.#options.onFault(fault)
    }
  }

  async #listed(): ReturnType<Disk['list']> {
    try {
      return await this.#options.disk.list(this.#incoming)
    } catch (error) {
      if (diskErrorCode(error) === 'DISK_NOT_FOUND') return []
      throw error
    }
  }

  /** Made once; one that could not be made is tried again. */
  #folder(path: string): Promise<void> {
    const known = this.#folders.get(path)
    if (known !== undefined) return known
    const made = this.#options.disk.makeDirectory(path)
    this.#folders.set(path, made)
    made.catch(() => this.#folders.delete(path))
    return made
  }

  /** Makes names durable that stood there before the call; callers share what they can. */
  #flush(): Promise<void> {
    if (this.#flushing === undefined) return this.#flushNow()
    this.#flushNext ??= this.#flushing.then(
      () => this.#flushNow(),
      () => this.#flushNow(),
    )
    return this.#flushNext
  }

  #flushNow(): Promise<void> {
    this.#flushNext = undefined
    const done = this.#options.disk.syncDirectory(this.#incoming).finally(() => {
      if (this.#flushing === done) this.#flushing = undefined
    })
    this.#flushing = done
    return done
  }
}

import { createHash, type KeyObject } from 'node:crypto'
import type { Disk, DiskFile } from '../../platform/index.ts'
import { concat, hex } from '../bytes.ts'
import { sealBytes, secretKey } from '../cipher.ts'
import type { SealKey } from '../seal-key.ts'
import {
  BODY_CHUNK_BYTES,
  bodyAad,
  bodyKeyInfo,
  bodyNonce,
  contentHash,
  encodeBodyHead,
} from './body-format.ts'

/** A body on the disk, flushed, before any record names it. */
export interface SealedBody {
  /** Of the file; hexadecimal. */
  readonly sha256: string
  /** Length of the file. */
  readonly bytes: number
  /** Its row must be durable with the record that names the body. */
  readonly key: SealKey
  readonly contentBytes: number
  /** Of salt and content; hexadecimal. */
  readonly contentSha256: string
  /** Where it lies until its record is durable. */
  readonly path: string
}

export interface BodyWriterOptions {
  readonly disk: Disk
  readonly origin: string
  readonly key: SealKey
  readonly fileId: Uint8Array
  readonly salt: Uint8Array
  /** Of the file until it has its name. */
  readonly temporary: string
  /** Its name by its digest, and that name made durable. */
  readonly settle: (sha256: string) => Promise<string>
}

/**
 * Seals a body chunk by chunk as it comes: at most two chunks are in memory, none of them is on
 * the disk in clear. Belongs to one exchange; after a fault only `abandon` is left.
 */
export class BodyWriter {
  readonly #options: BodyWriterOptions
  readonly #head: Uint8Array
  readonly #key: KeyObject
  readonly #aad: Uint8Array
  readonly #file = createHash('sha256')
  readonly #content = contentHash()
  #open: DiskFile | undefined
  #waiting: Uint8Array[]
  #waitingBytes: number
  #contentBytes = 0
  #chunks = 0
  #at = 0
  #writing: Promise<void> = Promise.resolve()
  #fault: unknown

  constructor(options: BodyWriterOptions) {
    this.#options = options
    const { key, fileId, salt, origin } = options
    this.#head = encodeBodyHead(key.id, fileId)
    this.#key = secretKey(key.derive(bodyKeyInfo(fileId, origin)))
    this.#aad = bodyAad(origin, this.#head)
    this.#waiting = [salt]
    this.#waitingBytes = salt.length
    this.#content.update(salt)
  }

  get contentBytes(): number {
    return this.#contentBytes
  }

  /** Takes the next bytes, which must not change; a promise where the disk is behind. */
  add(bytes: Uint8Array): undefined | Promise<void> {
    this.#content.update(bytes)
    this.#contentBytes += bytes.length
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    // A full chunk is sealed when more has come: the last one is sealed as such.
    if (this.#waitingBytes <= BODY_CHUNK_BYTES) return undefined
    return this.#sealFull()
  }

  /** Resolves when the body is durable under its name. */
  async finish(): Promise<SealedBody> {
    const { key, settle } = this.#options
    await this.#sealFull()
    this.#seal(concat(...this.#waiting), true)
    await this.#settled()
    const file = this.#open
    if (file === undefined) throw new Error('a body has no chunk')
    await file.sync()
    await this.#close()
    const sha256 = this.#file.digest('hex')
    const path = await settle(sha256)
    const contentSha256 = this.#content.digest('hex')
    const { contentBytes } = this
    return { sha256, bytes: this.#at, key, contentBytes, contentSha256, path }
  }

  /** Leaves nothing behind. Never rejects: the next start removes what is left all the same. */
  async abandon(): Promise<void> {
    const { disk, temporary } = this.#options
    try {
      await this.#writing
      await this.#close()
      await disk.remove(temporary)
    } catch (fault) {
      this.#fault ??= fault
    }
  }

  /** One write goes on while the next chunk fills. */
  async #sealFull(): Promise<void> {
    await this.#settled()
    if (this.#waitingBytes > BODY_CHUNK_BYTES) {
      const all = concat(...this.#waiting)
      let at = 0
      for (; all.length - at > BODY_CHUNK_BYTES; at += BODY_CHUNK_BYTES) {
        this.#seal(all.subarray(at, at + BODY_CHUNK_BYTES), false)
      }
      this.#waiting = [all.subarray(at)]
      this.#waitingBytes = all.length - at
    }
  }

  #seal(plain: Uint8Array, isLast: boolean): void {
    const nonce = bodyNonce(this.#chunks++, isLast)
    const head = this.#at === 0 ? this.#head : undefined
    const sealed = sealBytes(this.#key, nonce, this.#aad, plain, head)
    this.#file.update(sealed)
    const at = this.#at
    this.#at += sealed.length
    this.#writing = this.#writing.then(() => this.#write(at, sealed))
  }

  async #write(at: number, sealed: Uint8Array): Promise<void> {
    if (this.#fault !== undefined) return
    const { disk, temporary } = this.#options
    try {
      this.#open ??= await disk.open(temporary, { for: 'write', create: 'new' })
      await this.#open.write(at, sealed)
    } catch (fault) {
      this.#fault = fault
    }
  }

  async #settled(): Promise<void> {
    await this.#writing
    if (this.#fault !== undefined) throw this.#fault
  }

  async #close(): Promise<void> {
    const file = this.#open
    this.#open = undefined
    await file?.close()
  }
}

/** As it stands in the names of files that are being written. */
export function temporaryName(fileId: Uint8Array): string {
  return hex(fileId)
}

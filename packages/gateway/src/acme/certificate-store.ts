import { hash } from 'node:crypto'
import { join } from 'node:path'
import { type Disk, diskErrorCode, writeFileDurably } from '../platform/index.ts'
import { AcmeError } from './acme-error.ts'
import { type HeldCertificate, readPair } from './certificate.ts'
import type { Pair } from './pending-challenges.ts'

const FILE_BYTES_MAX = 1_048_576
const KEY = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n?/
const DIRECTORY_DIGITS = 32

/**
 * Account keys and certificates on the disk, readable by their owner alone. A certificate and its
 * key are one file, so that they are replaced together, whole, whatever crash comes between.
 */
export class CertificateStore {
  readonly #disk: Disk
  readonly #directory: string

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  /** What is kept for a listener; undefined where nothing is. Throws AcmeError ACME_STORE. */
  async certificate(listener: string): Promise<HeldCertificate | undefined> {
    const path = this.#certificatePath(listener)
    const text = await this.#read(path)
    if (text === undefined) return undefined
    const [key] = KEY.exec(text) ?? []
    if (key === undefined) throw new AcmeError('ACME_STORE', `${path} holds no key`)
    try {
      return readPair({ certificate: text.replace(key, ''), key })
    } catch (cause) {
      throw new AcmeError('ACME_STORE', `${path} is not what was written: remove it`, { cause })
    }
  }

  async keepCertificate(listener: string, { certificate, key }: Pair): Promise<void> {
    const text = `${key.trimEnd()}\n${certificate.trimEnd()}\n`
    await this.#write(join(this.#directory, 'certificates'), this.#certificatePath(listener), text)
  }

  /** The account's key at a directory; made the first time, and kept before it is used. */
  async accountKey(directory: string, make: () => Promise<string>): Promise<string> {
    const name = hash('sha256', directory, 'hex').slice(0, DIRECTORY_DIGITS)
    const path = join(this.#directory, 'accounts', `${name}.pem`)
    const kept = await this.#read(path)
    if (kept !== undefined) return kept
    const key = await make()
    await this.#write(join(this.#directory, 'accounts'), path, key)
    return key
  }

  #certificatePath(listener: string): string {
    return join(this.#directory, 'certificates', `${listener}.pem`)
  }

  async #read(path: string): Promise<string | undefined> {
    try {
      return new TextDecoder().decode(await this.#disk.read(path, FILE_BYTES_MAX))
    } catch (error) {
      if (diskErrorCode(error) === 'DISK_NOT_FOUND') return undefined
      throw error
    }
  }

  async #write(directory: string, path: string, text: string): Promise<void> {
    await this.#disk.makeDirectory(directory)
    const bytes = new TextEncoder().encode(text)
    await writeFileDurably(this.#disk, path, bytes, { syncDirectory: true })
  }
}

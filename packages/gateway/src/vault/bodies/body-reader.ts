import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { CapturedFacts } from '@countersign/evidence'
import { type Disk, type DiskFile, diskErrorCode } from '../../platform/index.ts'
import { equalBytes, hex } from '../bytes.ts'
import { openBytes, secretKey, TAG_BYTES } from '../cipher.ts'
import { VaultError } from '../errors.ts'
import type { DataKey, KeyRing } from '../key-ring.ts'
import {
  BODY_ALGORITHM,
  BODY_CHUNK_BYTES,
  BODY_HEAD_BYTES,
  BODY_SALT_BYTES,
  bodyAad,
  bodyKeyInfo,
  bodyNonce,
  contentHash,
  decodeBodyHead,
} from './body-format.ts'
import { BODIES_FOLDER, bodyPath, INCOMING_FOLDER, parseIncomingName } from './body-path.ts'

export interface BodyReaderOptions {
  readonly disk: Disk
  readonly ring: KeyRing
  readonly origin: string
  /** The data directory. */
  readonly data: string
}

/** A body that was read to its end, and is what its record says. */
export interface OpenedBody {
  /** Plain SHA-256 of the content, hexadecimal. */
  readonly sha256: string
  /** Hexadecimal: who has the content and this can make the digest that the record names. */
  readonly salt: string
}

/** Reads captured bodies back, piece by piece: one of any length takes little memory. */
export class BodyReader {
  readonly #options: BodyReaderOptions

  constructor(options: BodyReaderOptions) {
    this.#options = options
  }

  /**
   * Holds a body against what its record says, and hands its content over: until this resolves
   * nothing of that may be believed. VAULT_FILE_MISSING where there is no file,
   * VAULT_NOT_AUTHENTIC where it is another, VAULT_KEY_MISSING where it is the right one and
   * nobody here can open it, VAULT_MALFORMED where this version does not know how.
   */
  async read(
    facts: CapturedFacts,
    take: (content: Uint8Array) => void | Promise<void> = () => undefined,
  ): Promise<OpenedBody> {
    const found = await this.#find(facts.sha256)
    const { path, file } = found
    try {
      await checkFile(file, path, facts)
      if (facts.algorithm !== BODY_ALGORITHM) {
        throw fault('VAULT_MALFORMED', `is sealed as ${facts.algorithm}, which is not known`, path)
      }
      const key = await this.#options.ring.key(Buffer.from(facts.key, 'hex'))
      return await openContent(file, { path, facts, key, origin: this.#options.origin }, take)
    } finally {
      await file.close()
    }
  }

  /** Where it stays, or where it waits for its record: a running gateway may move it meanwhile. */
  async #find(sha256: string): Promise<{ readonly path: string; readonly file: DiskFile }> {
    const place = bodyPath(sha256)
    for (const path of [place, await this.#waiting(sha256), place]) {
      const file = path === undefined ? undefined : await this.#open(path)
      if (path !== undefined && file !== undefined) return { path, file }
    }
    throw fault('VAULT_FILE_MISSING', 'is not there', place)
  }

  async #waiting(sha256: string): Promise<string | undefined> {
    const folder = `${BODIES_FOLDER}/${INCOMING_FOLDER}`
    try {
      const listed = await this.#options.disk.list(join(this.#options.data, folder))
      const found = listed.find(({ name }) => parseIncomingName(name)?.sha256 === sha256)
      return found && `${folder}/${found.name}`
    } catch (error) {
      if (diskErrorCode(error) === 'DISK_NOT_FOUND') return undefined
      throw error
    }
  }

  async #open(path: string): Promise<DiskFile | undefined> {
    const { disk, data } = this.#options
    const absolute = join(data, path)
    const found = await disk.stat(absolute)
    if (found === undefined) return undefined
    if (found.kind !== 'file') throw fault('VAULT_NOT_AUTHENTIC', 'is not a regular file', path)
    try {
      return await disk.open(absolute, { for: 'read' })
    } catch (error) {
      if (diskErrorCode(error) === 'DISK_NOT_FOUND') return undefined
      throw error
    }
  }
}

const READ_BYTES = 1_048_576

/** The file is the one that the record names: length and digest, whether or not it opens. */
async function checkFile(file: DiskFile, path: string, facts: CapturedFacts): Promise<void> {
  const bytes = await file.size()
  if (bytes !== facts.bytes) {
    throw fault('VAULT_NOT_AUTHENTIC', `has ${bytes} bytes, not ${facts.bytes}`, path)
  }
  const hash = createHash('sha256')
  for (let at = 0; at < bytes; at += READ_BYTES) hash.update(await file.read(at, READ_BYTES))
  if (hash.digest('hex') === facts.sha256) return
  throw fault('VAULT_NOT_AUTHENTIC', 'is not the file that its name says', path)
}

async function openContent(
  file: DiskFile,
  of: {
    readonly path: string
    readonly facts: CapturedFacts
    readonly key: DataKey
    readonly origin: string
  },
  take: (content: Uint8Array) => void | Promise<void>,
): Promise<OpenedBody> {
  const { path, facts, key, origin } = of
  const head = await file.read(0, BODY_HEAD_BYTES)
  const known = decodeBodyHead(head)
  if (known === undefined || !equalBytes(known.keyId, key.id)) {
    throw fault('VAULT_NOT_AUTHENTIC', 'is sealed under another key than its record says', path)
  }
  const fileKey = secretKey(key.derive(bodyKeyInfo(known.fileId, origin)))
  const aad = bodyAad(origin, head)
  const [salted, plain] = [contentHash(), createHash('sha256')]
  const chunkBytes = BODY_CHUNK_BYTES + TAG_BYTES
  let salt = new Uint8Array(0)
  let contentBytes = 0
  for (let [at, nth] = [BODY_HEAD_BYTES, 0]; at < facts.bytes; at += chunkBytes, nth += 1) {
    const sealed = await file.read(at, chunkBytes)
    const isLast = at + chunkBytes >= facts.bytes
    const opened = openBytes(fileKey, bodyNonce(nth, isLast), aad, sealed)
    if (opened === undefined || (nth === 0 && opened.length < BODY_SALT_BYTES)) {
      throw fault('VAULT_NOT_AUTHENTIC', `does not open at byte ${at}`, path)
    }
    salted.update(opened)
    if (nth === 0) salt = Uint8Array.from(opened.subarray(0, BODY_SALT_BYTES))
    const content = nth === 0 ? opened.subarray(BODY_SALT_BYTES) : opened
    plain.update(content)
    contentBytes += content.length
    await take(content)
  }
  if (contentBytes !== facts.contentBytes || salted.digest('hex') !== facts.contentSha256) {
    throw fault('VAULT_NOT_AUTHENTIC', 'has another content than its record says', path)
  }
  return { sha256: plain.digest('hex'), salt: hex(salt) }
}

function fault(
  code: 'VAULT_FILE_MISSING' | 'VAULT_NOT_AUTHENTIC' | 'VAULT_MALFORMED',
  why: string,
  file: string,
): VaultError {
  return new VaultError(code, `body ${why}`, { place: { file } })
}

import type { Sha256 } from '@countersign/tlog'

/** A record that names a file follows soon after what is in it. */
export const FILES_REMEMBERED_MAX = 16_384

export interface FileRead {
  readonly bytes: number
  readonly sha256: string
}

/** Digests of the files that records were opened from, so that none is read twice for them. */
export class FilesRead {
  readonly #sha256: Sha256
  readonly #files = new Map<string, FileRead>()

  constructor(sha256: Sha256) {
    this.#sha256 = sha256
  }

  note(path: string, bytes: Uint8Array): void {
    const [oldest] = this.#files.size < FILES_REMEMBERED_MAX ? [] : this.#files.keys()
    if (oldest !== undefined) this.#files.delete(oldest)
    this.#files.set(path, digestOf(this.#sha256, bytes))
  }

  /** What the bytes had that were last read there; they are asked for once. */
  take(path: string): FileRead | undefined {
    const read = this.#files.get(path)
    this.#files.delete(path)
    return read
  }
}

export function digestOf(sha256: Sha256, bytes: Uint8Array): FileRead {
  return { bytes: bytes.length, sha256: Buffer.from(sha256.digest(bytes)).toString('hex') }
}

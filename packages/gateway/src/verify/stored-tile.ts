import {
  entriesPath,
  HASH_BYTES,
  hashBundle,
  type Sha256,
  TILE_WIDTH,
  TlogError,
  tilePath,
} from '@countersign/tlog'
import type { Read, Source } from './source.ts'

/** No honest entry bundle is larger: 256 entries of 65,535 bytes, each after its length. */
export const BUNDLE_BYTES_MAX = TILE_WIDTH * 65_537

/** A group of up to 256 neighbours in one level of the tree: what a tile, or a bundle, tells of. */
export interface Group {
  readonly level: number
  readonly index: number
  /** How many of them the checkpoint covers, 1 to 256. */
  readonly width: number
}

/** One telling of a group's hashes: by a tile, by a bundle, or as computed from the level below. */
export interface Telling {
  readonly by: 'tile' | 'entries' | 'computed'
  /** Empty for what was computed. */
  readonly file: string
  /** 32 bytes a member; absent where the file cannot be read as what it must be. */
  readonly hashes?: Uint8Array
  /** The bytes of the file, where there are any. */
  readonly bytes?: Uint8Array
  /** Why there are no hashes. */
  readonly why?: string
}

/** Reads what stores a group: tiles, and for level 0 entry bundles too. */
export class TileReader {
  readonly #source: Source
  readonly #sha256: Sha256

  constructor(source: Source, sha256: Sha256) {
    this.#source = source
    this.#sha256 = sha256
  }

  /** The tile at the checkpoint's width, or the full one that replaced it. */
  tile(group: Group): Promise<Telling> {
    return this.#either(group, 'tile')
  }

  /** The bundle at the checkpoint's width, or the full one that replaced it. */
  entries(group: Group): Promise<Telling> {
    return this.#either(group, 'entries')
  }

  /** One file of the group, of `width` members; undefined where it was collected meanwhile. */
  async file(group: Group, by: 'tile' | 'entries', width: number): Promise<Telling | undefined> {
    const file = pathOf(group, by, width)
    const read = await this.#read(by, file)
    return read.kind === 'missing' ? undefined : this.#tell(group, by, { file, width, read })
  }

  async #either(group: Group, by: 'tile' | 'entries'): Promise<Telling> {
    const exact = await this.file(group, by, group.width)
    if (exact !== undefined) return exact
    const whole = group.width < TILE_WIDTH ? await this.file(group, by, TILE_WIDTH) : undefined
    return whole ?? { by, file: pathOf(group, by, group.width), why: 'is missing' }
  }

  #read(by: 'tile' | 'entries', file: string): Promise<Read> {
    return this.#source.read(file, by === 'tile' ? TILE_WIDTH * HASH_BYTES : BUNDLE_BYTES_MAX)
  }

  #tell(group: Group, by: 'tile' | 'entries', found: Found): Telling {
    const { file, width, read } = found
    if (read.kind !== 'bytes') return { by, file, why: 'why' in read ? read.why : 'is missing' }
    const hashes = by === 'tile' ? tileOf(read.bytes, width) : this.#bundleOf(read.bytes, width)
    if (typeof hashes === 'string') return { by, file, bytes: read.bytes, why: hashes }
    const covered = hashes.subarray(0, group.width * HASH_BYTES)
    return { by, file, bytes: read.bytes, hashes: covered }
  }

  #bundleOf(bytes: Uint8Array, width: number): Uint8Array | string {
    try {
      return hashBundle(this.#sha256, bytes, width)
    } catch (error) {
      if (error instanceof TlogError) return `is no bundle of ${width} entries: ${error.message}`
      throw error
    }
  }
}

interface Found {
  readonly file: string
  readonly width: number
  readonly read: Read
}

function pathOf({ level, index }: Group, by: 'tile' | 'entries', width: number): string {
  return by === 'tile' ? tilePath({ level, index, width }) : entriesPath({ index, width })
}

function tileOf(bytes: Uint8Array, width: number): Uint8Array | string {
  if (bytes.length === width * HASH_BYTES) return bytes
  return `holds ${bytes.length} bytes, not ${width} hashes of ${HASH_BYTES}`
}

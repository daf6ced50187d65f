import type { SeededRandom } from './seeded-random.ts'

export const PAGE_BYTES = 4096
const SECTOR_BYTES = 512
const ZEROS = new Uint8Array(PAGE_BYTES)

/** Pages in use on one disk; every inode of it counts here. */
export interface Usage {
  pages: number
}

/** What a flush that begins now carries; settled when it ends. */
export interface Flush {
  readonly pages: ReadonlyMap<number, Uint8Array>
  readonly size: number
}

/**
 * A file's content twice: as programs read it, and as it would be after a power cut. A page that
 * was written and not flushed is dirty; a page whose flush failed is clean and yet not durable, as
 * on ext4, XFS and Btrfs: it reads back until the power fails.
 */
export class SimulatedInode {
  readonly #usage: Usage
  readonly #pages = new Map<number, Uint8Array>()
  readonly #durable = new Map<number, Uint8Array>()
  readonly #dirty = new Set<number>()
  // Pages whose bytes a flush or the durable copy also holds: copied before they change.
  readonly #shared = new Set<number>()
  #size = 0
  #durableSize = 0
  #isSizeDirty = false
  links = 0
  handles = 0

  constructor(usage: Usage) {
    this.#usage = usage
  }

  get size(): number {
    return this.#size
  }

  get allocatedBytes(): number {
    return this.#pages.size * PAGE_BYTES
  }

  read(offset: number, length: number): Uint8Array {
    const end = Math.max(offset, Math.min(this.#size, offset + length))
    const bytes = new Uint8Array(end - offset)
    for (let at = offset; at < end; ) {
      const within = at % PAGE_BYTES
      const count = Math.min(PAGE_BYTES - within, end - at)
      const page = this.#pages.get((at - within) / PAGE_BYTES)
      if (page !== undefined) bytes.set(page.subarray(within, within + count), at - offset)
      at += count
    }
    return bytes
  }

  /** Writes what fits into `pagesMax` new pages; says how many bytes that were. */
  write(offset: number, bytes: Uint8Array, pagesMax: number): number {
    let free = pagesMax
    let written = 0
    while (written < bytes.length) {
      const within = (offset + written) % PAGE_BYTES
      const number = (offset + written - within) / PAGE_BYTES
      if (!this.#pages.has(number) && --free < 0) break
      const count = Math.min(PAGE_BYTES - within, bytes.length - written)
      this.#writable(number).set(bytes.subarray(written, written + count), within)
      written += count
    }
    if (offset + written > this.#size && written > 0) this.#resize(offset + written)
    return written
  }

  truncate(size: number): void {
    if (size < this.#size) {
      const kept = Math.ceil(size / PAGE_BYTES)
      for (const number of this.#pages.keys()) if (number >= kept) this.#drop(number)
      const within = size % PAGE_BYTES
      if (within > 0 && this.#pages.has(kept - 1)) this.#writable(kept - 1).fill(0, within)
    }
    if (size !== this.#size) this.#resize(size)
  }

  /** Begins a flush of the whole file, or of what lies between two offsets. */
  beginFlush(from = 0, to: number = Number.MAX_SAFE_INTEGER): Flush {
    const pages = new Map<number, Uint8Array>()
    const [first, last] = [Math.floor(from / PAGE_BYTES), Math.floor((to - 1) / PAGE_BYTES)]
    for (const number of this.#dirty) {
      const bytes = this.#pages.get(number)
      if (bytes === undefined || number < first || number > last) continue
      this.#shared.add(number)
      pages.set(number, bytes)
    }
    return { pages, size: this.#size }
  }

  /** Ends a flush. Every page of it is clean now; durable are those that `reached` the disk. */
  endFlush(flush: Flush, reached: () => boolean): void {
    for (const [number, bytes] of flush.pages) {
      if (reached()) this.#durable.set(number, bytes)
      if (this.#pages.get(number) === bytes) this.#dirty.delete(number)
    }
    if (flush.size === this.#size) this.#isSizeDirty = false
    if (!reached()) return
    this.#durableSize = flush.size
    const kept = Math.ceil(flush.size / PAGE_BYTES)
    for (const number of this.#durable.keys()) if (number >= kept) this.#durable.delete(number)
  }

  /** Forgets what is clean and was never durable, as a cache short of memory may at any time. */
  evict(): void {
    for (const number of this.#pages.keys()) {
      if (this.#dirty.has(number) || this.#pages.get(number) === this.#durable.get(number)) continue
      this.#drop(number)
      const durable = this.#durable.get(number)
      if (durable !== undefined) this.#place(number, durable)
    }
  }

  /** The file after a power cut: each dirty page lost, kept, or torn between its sectors. */
  afterPowerCut(usage: Usage, random: SeededRandom, keeps: number): SimulatedInode {
    const inode = new SimulatedInode(usage)
    for (const [number, bytes] of this.#durable) inode.#place(number, bytes)
    for (const number of this.#dirty) {
      const written = this.#pages.get(number)
      if (written === undefined || !random.chance(keeps)) continue
      const torn = tear(this.#durable.get(number) ?? ZEROS, written, random)
      inode.#place(number, torn)
    }
    inode.#size = Number.MAX_SAFE_INTEGER
    inode.truncate(this.#sizeAfterPowerCut(random, keeps))
    inode.#becomeDurable()
    return inode
  }

  /** Gives its pages back to the disk when no name and no handle leads here any more. */
  releaseIfUnused(): void {
    if (this.links === 0 && this.handles === 0) this.#usage.pages -= this.#pages.size
  }

  #sizeAfterPowerCut(random: SeededRandom, keeps: number): number {
    if (!this.#isSizeDirty || !random.chance(keeps)) return this.#durableSize
    if (random.chance(0.5) || this.#size < this.#durableSize) return this.#size
    return this.#durableSize + random.below(this.#size - this.#durableSize)
  }

  #becomeDurable(): void {
    for (const [number, bytes] of this.#pages) {
      this.#durable.set(number, bytes)
      this.#shared.add(number)
    }
    this.#dirty.clear()
    this.#durableSize = this.#size
    this.#isSizeDirty = false
  }

  #resize(size: number): void {
    this.#size = size
    this.#isSizeDirty = true
  }

  #writable(number: number): Uint8Array {
    const found = this.#pages.get(number)
    this.#dirty.add(number)
    if (found !== undefined && !this.#shared.has(number)) return found
    const copy = found?.slice() ?? new Uint8Array(PAGE_BYTES)
    this.#shared.delete(number)
    if (found === undefined) this.#usage.pages++
    this.#pages.set(number, copy)
    return copy
  }

  #place(number: number, bytes: Uint8Array): void {
    if (!this.#pages.has(number)) this.#usage.pages++
    this.#pages.set(number, bytes)
    this.#shared.add(number)
  }

  #drop(number: number): void {
    this.#pages.delete(number)
    this.#dirty.delete(number)
    this.#shared.delete(number)
    this.#usage.pages--
  }
}

function tear(old: Uint8Array, written: Uint8Array, random: SeededRandom): Uint8Array {
  if (random.chance(0.5)) return written
  const page = old.slice()
  for (let at = 0; at < PAGE_BYTES; at += SECTOR_BYTES) {
    if (random.chance(0.5)) page.set(written.subarray(at, at + SECTOR_BYTES), at)
  }
  return page
}

// A log made by the tlog package alone: what it verifies against does not come from the ledger.
import {
  bundlesBetween,
  CompactRange,
  encodeBundle,
  entriesPath,
  formatCheckpoint,
  formatNote,
  formatVerifierKey,
  type Hash,
  hashLeaf,
  noteSigner,
  SIGNATURE_TYPES,
  type TreeSize,
  tilePath,
  tilesBetween,
  treeSize,
  verifierKey,
} from '@countersign/tlog'
import { ed25519, mlDsa44, nodeSha256 } from '../../packages/gateway/src/platform/index.ts'

/** Two signing keys under one name, from a seed. */
export class LogKeys {
  readonly origin: string
  readonly #seeds: readonly [Uint8Array, Uint8Array]

  constructor(origin: string, seed: number) {
    this.origin = origin
    this.#seeds = [new Uint8Array(32).fill(seed), new Uint8Array(32).fill(seed + 1)]
  }

  get vkeys(): readonly string[] {
    return this.#keys().map(({ key }) => formatVerifierKey(nodeSha256, key))
  }

  checkpoint(size: TreeSize, root: Hash): string {
    const text = formatCheckpoint({ origin: this.origin, size, root })
    const signatures = this.#keys().map(({ key, sign }) => noteSigner(key, sign).sign(text, 0))
    return formatNote({ text, signatures })
  }

  #keys() {
    const [classic, lattice] = [ed25519.signer(this.#seeds[0]), mlDsa44.signer(this.#seeds[1])]
    const name = this.origin
    const { ed25519: one, mlDsa44: six } = SIGNATURE_TYPES
    return [
      { type: one, publicKey: classic.publicKey, sign: classic.sign },
      { type: six, publicKey: lattice.publicKey, sign: lattice.sign },
    ].map(({ type, publicKey, sign }) => ({
      key: verifierKey(nodeSha256, { name, type, publicKey }),
      sign,
    }))
  }
}

/** The files of a log, relative to its prefix, as they stand after publishing these sizes. */
export function makeLog(
  keys: LogKeys,
  entries: readonly Uint8Array[],
  published: readonly number[] = [entries.length],
): Map<string, Uint8Array> {
  const levels = levelsOf(entries)
  const files = new Map<string, Uint8Array>()
  let old = treeSize(0)
  for (const size of published.map(treeSize)) {
    for (const { index, width } of bundlesBetween(old, size)) {
      const inside = entries.slice(index * 256, index * 256 + width)
      files.set(entriesPath({ index, width }), encodeBundle(inside))
    }
    for (const { level, index, width } of tilesBetween(old, size)) {
      const hashes = levels[level]?.slice(index * 256, index * 256 + width) ?? []
      files.set(tilePath({ level, index, width }), Buffer.concat(hashes))
    }
    const root = rootOf(entries.slice(0, size))
    files.set('checkpoint', text(keys.checkpoint(size, root)))
    old = size
  }
  files.set('vkeys', text(`${keys.vkeys.join('\n')}\n`))
  return files
}

/** The tree's levels 0, 8, 16 …, which tiles store. */
function levelsOf(entries: readonly Uint8Array[]): readonly (readonly Hash[])[] {
  const levels: Hash[][] = []
  const range = new CompactRange(nodeSha256)
  for (const entry of entries) {
    range.append(hashLeaf(nodeSha256, entry), (level, index, hash) => {
      if (level % 8 !== 0) return
      levels[level / 8] ??= []
      const hashes = levels[level / 8]
      if (hashes !== undefined) hashes[index] = hash.slice()
    })
  }
  return levels
}

export function rootOf(entries: readonly Uint8Array[]): Hash {
  const range = new CompactRange(nodeSha256)
  for (const entry of entries) range.append(hashLeaf(nodeSha256, entry))
  return range.root()
}

export function someEntries(count: number, salt = 'entry'): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, index) => text(`${salt}-${index}`))
}

export function text(of: string): Uint8Array {
  return new TextEncoder().encode(of)
}

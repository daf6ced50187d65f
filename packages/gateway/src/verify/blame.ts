import {
  CompactRange,
  equalHashes,
  HASH_BYTES,
  type Hash,
  hashLeaf,
  type Sha256,
  TILE_WIDTH,
  tileWidthAt,
} from '@countersign/tlog'
import type { Findings } from './report.ts'
import { SignedTree, type SignedTreeOptions } from './signed-tree.ts'
import type { Group, Telling } from './stored-tile.ts'
import { type Dispute, groupKey, type TreeFacts } from './tree-audit.ts'

export interface BlameOptions extends Omit<SignedTreeOptions, 'disputes'> {
  /** Leaf hashes that the log should hold, by what the records say: index to hash. */
  readonly recorded?: ReadonlyMap<number, Hash>
}

/** What is signed for a group, where that can be told. */
type Authority = (dispute: Dispute) => Promise<Uint8Array | undefined>

/**
 * Names what was changed. Where the entries lead to the signed root, they are right and whatever
 * contradicts them is wrong; otherwise the stored tiles tell what was signed, and so which entry is
 * another one. Where they were recomputed too the records may tell, or an earlier checkpoint
 * narrows it down.
 */
export async function blame(facts: TreeFacts, options: BlameOptions, to: Findings): Promise<void> {
  const entriesHold = facts.root !== undefined && equalHashes(facts.root, options.root)
  const judge = new Judge(facts, options, to)
  if (entriesHold) return judge.all((dispute) => Promise.resolve(firstTold(dispute)), facts)
  const tree = await SignedTree.open({ ...options, disputes: facts.disputes })
  const before = to.bad.length
  if (tree !== undefined) await judge.all(({ group }) => tree.hashes(group), facts)
  if (to.bad.length > before) return
  const { recorded = new Map() } = options
  const placed = recorded.size > 0 && (await leadsToRoot(recorded, options))
  if (placed) judge.recordedOtherwise([...recorded.keys()])
  else judge.unplaced()
}

/** Whether the log would be the signed one, had it the entries that the records commit to. */
async function leadsToRoot(
  recorded: ReadonlyMap<number, Hash>,
  { sha256, reader, size, root }: BlameOptions,
): Promise<boolean> {
  const range = new CompactRange(sha256)
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = tileWidthAt(size, 0, index)
    const { hashes } = await reader.entries({ level: 0, index, width })
    if (hashes === undefined) return false
    for (let at = 0; at < width; at += 1) {
      const stored = hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)
      range.append(recorded.get(index * TILE_WIDTH + at) ?? stored)
    }
  }
  return equalHashes(range.root(), root)
}

class Judge {
  readonly #facts: TreeFacts
  readonly #size: number
  readonly #sha256: Sha256
  readonly #to: Findings

  constructor(facts: TreeFacts, { size, sha256 }: BlameOptions, to: Findings) {
    this.#facts = facts
    this.#size = size
    this.#sha256 = sha256
    this.#to = to
  }

  async all(authority: Authority, { disputes, disputesDropped }: TreeFacts): Promise<void> {
    const inOrder = [...disputes.values()].sort((one, other) => one.group.level - other.group.level)
    for (const dispute of inOrder) {
      const signed = await authority(dispute)
      if (signed === undefined) this.#nobodyIsRight(dispute)
      else for (const telling of dispute.tellings) this.#one(dispute.group, telling, signed)
    }
    if (disputesDropped > 0) this.#to.add('file', `${disputesDropped} more tiles or bundles differ`)
  }

  /** All of the tree was changed alike, but the records still tell which entries were signed. */
  recordedOtherwise(indices: readonly number[]): void {
    for (const index of indices) {
      const message = `is not the entry that ${this.#checkpoint} covers`
      this.#to.add('entry', `${message}; its record is`, { index })
    }
  }

  /** The tree was changed as a whole: nothing that is left leads to the signed root. */
  unplaced(): void {
    const { matchedSize, unmatched, disputes } = this.#facts
    const last = (unmatched[0]?.size ?? this.#size) - 1
    this.#span(matchedSize, last, `is not what ${this.#checkpoint} covers`)
    for (const dispute of disputes.values()) this.#nobodyIsRight(dispute)
  }

  #one(group: Group, telling: Telling, signed: Uint8Array): void {
    const { by, file, hashes } = telling
    const wrong = hashes === undefined ? [] : differences(hashes, signed)
    if (hashes === undefined) this.#unreadable(group, telling, signed)
    else if (by === 'computed') this.#changedTogether(group, wrong)
    else if (by === 'entries') for (const at of wrong) this.#entry(group, at, file)
    else if (wrong[0] !== undefined) {
      const first = group.index * TILE_WIDTH + wrong[0]
      const what = group.level === 0 ? `of entry ${first}` : `number ${first} of its level`
      this.#to.add('tile', `holds another hash ${what} than ${this.#checkpoint} covers`, { file })
    }
  }

  #entry(group: Group, at: number, file: string, why?: string): void {
    const message = `is not the entry that ${this.#checkpoint} covers`
    this.#to.add('entry', why === undefined ? message : `${message}: its bundle ${why}`, {
      index: group.index * TILE_WIDTH + at,
      file,
    })
  }

  /** A bundle that is none still has entries up to where it goes wrong. */
  #unreadable(group: Group, { by, file, bytes, why = '' }: Telling, signed: Uint8Array): void {
    if (by === 'entries' && bytes !== undefined) {
      this.#entry(group, firstUnlike(this.#sha256, bytes, signed), file, why)
    } else this.#to.add(by === 'entries' ? 'entry' : 'tile', why, { file })
  }

  /** A tile and all that lies below it agree with each other, and not with what was signed. */
  #changedTogether({ level, index }: Group, wrong: readonly number[]): void {
    for (const at of wrong) {
      const child = index * TILE_WIDTH + at
      if (this.#facts.disputes.has(groupKey(level - 1, child))) continue
      const span = TILE_WIDTH ** level
      const last = Math.min(this.#size, (child + 1) * span) - 1
      const message = `is not what ${this.#checkpoint} covers: changed together with its tile`
      this.#span(child * span, last, message)
    }
  }

  /** Of these entries at least one is wrong; which one, nothing that is left can tell. */
  #span(first: number, last: number, message: string): void {
    const others = last > first ? `or another one up to ${last} ` : ''
    this.#to.add('entry', `${others}${message}`, { index: first })
  }

  #nobodyIsRight({ group, tellings }: Dispute): void {
    const files = tellings.filter(({ by }) => by !== 'computed')
    const message = `cannot be held against ${this.#checkpoint}, and does not fit its neighbours`
    for (const { by, file, why } of files) {
      const index = by === 'entries' ? group.index * TILE_WIDTH : null
      this.#to.add(by === 'entries' ? 'entry' : 'tile', why ?? message, { index, file })
    }
  }

  get #checkpoint(): string {
    return `checkpoint ${this.#size}`
  }
}

/** The telling from which the root was computed. */
function firstTold({ tellings }: Dispute): Hash | undefined {
  return tellings.find(({ hashes }) => hashes !== undefined)?.hashes
}

function differences(one: Uint8Array, other: Uint8Array): readonly number[] {
  const places: number[] = []
  for (let at = 0; at * HASH_BYTES < Math.min(one.length, other.length); at += 1) {
    const [from, to] = [at * HASH_BYTES, (at + 1) * HASH_BYTES]
    if (!equalHashes(one.subarray(from, to), other.subarray(from, to))) places.push(at)
  }
  return places
}

/** How many entries of a damaged bundle are still those that were signed. */
function firstUnlike(sha256: Sha256, bytes: Uint8Array, signed: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const width = signed.length / HASH_BYTES
  let start = 0
  for (let at = 0; at < width; at += 1) {
    const end = start + 2 <= bytes.length ? start + 2 + view.getUint16(start) : Infinity
    if (end > bytes.length) return at
    const hash = hashLeaf(sha256, bytes.subarray(start + 2, end))
    if (!equalHashes(hash, signed.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))) return at
    start = end
  }
  return width - 1
}

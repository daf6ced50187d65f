import type { SeededRandom } from './seeded-random.ts'
import { SimulatedInode, type Usage } from './simulated-inode.ts'

/** What a name can lead to. A `Special` stands for a link, a pipe, a device. */
export type SimulatedNode = SimulatedInode | SimulatedDirectory | Special

export class Special {
  readonly kind = 'other'
}

/** One atomic change of names: a creation, a removal, or both halves of a rename. */
interface Change {
  readonly bindings: readonly Binding[]
}

interface Binding {
  readonly directory: SimulatedDirectory
  readonly name: string
  readonly node: SimulatedNode | undefined
}

/** Names twice, as they are seen and as they would be after a power cut, and what lies between. */
export class SimulatedDirectory {
  readonly names = new Map<string, SimulatedNode>()
  readonly #durable = new Map<string, SimulatedNode>()
  #unsynced: Change[] = []

  /**
   * Begins a flush of the names; the function ends it. Names that did not reach the disk stay
   * unsynced: a journal keeps them, or lets nothing more be written at all.
   */
  beginFlush(): (reached: () => boolean) => void {
    const flushed = [...this.#unsynced]
    return (reached) => {
      for (const change of flushed) {
        if (this.#unsynced.includes(change) && reached()) SimulatedDirectory.#settle(change)
      }
    }
  }

  /**
   * A move between two directories is one entry of a journal: with either of them it is on the
   * disk whole. So is what was done before it to the same names.
   */
  static #settle(change: Change): void {
    for (const directory of new Set(change.bindings.map((binding) => binding.directory))) {
      const at = directory.#unsynced.indexOf(change)
      if (at === -1) continue
      const names = new Set(namesIn(directory, change))
      const before = directory.#unsynced.slice(0, at)
      for (const earlier of before) {
        if (namesIn(directory, earlier).some((name) => names.has(name))) {
          SimulatedDirectory.#settle(earlier)
        }
      }
      directory.#unsynced = directory.#unsynced.filter((each) => each !== change)
      directory.#apply(directory.#durable, change)
    }
  }

  /** What is left of the tree: any subset of the unsynced changes, each one whole. */
  afterPowerCut(usage: Usage, random: SeededRandom, keeps: number): SimulatedDirectory {
    const isKept = new Map<Change, boolean>()
    const moved = new Map<SimulatedNode, SimulatedNode>()
    const survive = (node: SimulatedNode): SimulatedNode => {
      const known = moved.get(node)
      if (known !== undefined) return known
      if (node instanceof SimulatedDirectory) return node.#survive(moved, survive, decide)
      if (node instanceof Special) return node
      const inode = node.afterPowerCut(usage, random, keeps)
      moved.set(node, inode)
      return inode
    }
    const decide = (change: Change): boolean => {
      const kept = isKept.get(change) ?? random.chance(keeps)
      isKept.set(change, kept)
      return kept
    }
    return this.#survive(moved, survive, decide)
  }

  #survive(
    moved: Map<SimulatedNode, SimulatedNode>,
    survive: (node: SimulatedNode) => SimulatedNode,
    decide: (change: Change) => boolean,
  ): SimulatedDirectory {
    const left = new Map(this.#durable)
    for (const change of this.#unsynced) if (decide(change)) this.#apply(left, change)
    const directory = new SimulatedDirectory()
    moved.set(this, directory)
    for (const [name, node] of left) {
      const survivor = survive(node)
      directory.names.set(name, survivor)
      directory.#durable.set(name, survivor)
      if (survivor instanceof SimulatedInode) survivor.links++
    }
    return directory
  }

  /** Changes names at once for whoever looks; durable when each directory is flushed. */
  static change(bindings: readonly Binding[]): void {
    const change: Change = { bindings }
    const replaced = bindings.map(({ directory, name }) => directory.names.get(name))
    for (const directory of new Set(bindings.map((binding) => binding.directory))) {
      directory.#apply(directory.names, change)
      directory.#unsynced.push(change)
    }
    for (const { node } of bindings) if (node instanceof SimulatedInode) node.links++
    for (const node of replaced) if (node instanceof SimulatedInode) node.links--
    for (const node of new Set(replaced)) {
      if (node instanceof SimulatedInode) node.releaseIfUnused()
    }
  }

  #apply(names: Map<string, SimulatedNode>, change: Change): void {
    for (const { directory, name, node } of change.bindings) {
      if (directory !== this) continue
      if (node === undefined) names.delete(name)
      else names.set(name, node)
    }
  }
}

function namesIn(directory: SimulatedDirectory, { bindings }: Change): readonly string[] {
  return bindings.filter((each) => each.directory === directory).map(({ name }) => name)
}

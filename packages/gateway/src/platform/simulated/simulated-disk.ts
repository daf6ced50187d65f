import { posix } from 'node:path'
import { DiskError } from '../disk-error.ts'
import { makeDirectoryDurably } from '../make-directory.ts'
import type {
  DirectoryEntry,
  Disk,
  DiskFile,
  DiskSpace,
  FileFacts,
  FileKind,
  OpenMode,
} from '../types.ts'
import { type DiskFault, type DiskOperation, FaultPlan } from './fault-plan.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimulatedDirectory, type SimulatedNode, Special } from './simulated-directory.ts'
import { SimulatedFile } from './simulated-file.ts'
import { PAGE_BYTES, SimulatedInode, type Usage } from './simulated-inode.ts'
import { type Latency, type Machine, never, perform } from './simulated-machine.ts'

const READ_BYTES_MAX = 64 * 1024 * 1024

export interface SimulatedDiskOptions {
  readonly random?: SeededRandom
  /** Without it every operation ends in a microtask; with it the clock must be run. */
  readonly latency?: Latency | undefined
  readonly capacityBytes?: number
}

/** How a machine goes down. */
export interface Crash {
  /** `kept`: the process is killed and the page cache lives on. `lost`: so does the cache. */
  readonly power: 'kept' | 'lost'
  readonly random: SeededRandom
  /** How likely an unsynced page or name survives a power cut; at random when not given. */
  readonly keeps?: number
  readonly latency?: Latency | undefined
}

/** A disk in memory that forgets what was not flushed, and fails where it is told to. */
export class SimulatedDisk implements Disk {
  readonly #machine: Machine
  readonly #root: SimulatedDirectory

  constructor(
    options: SimulatedDiskOptions = {},
    root: SimulatedDirectory = new SimulatedDirectory(),
    usage: Usage = { pages: 0 },
  ) {
    this.#root = root
    this.#machine = {
      faults: new FaultPlan(),
      random: options.random ?? new SeededRandom(1),
      usage,
      latency: options.latency,
      misuses: [],
      open: new Map(),
      capacityBytes: options.capacityBytes ?? Number.MAX_SAFE_INTEGER,
      isDown: false,
    }
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    const forget = (file: SimulatedFile): void => file.forget()
    return this.#act('open', path, () => this.#open(path, mode), forget)
  }

  #open(path: string, mode: OpenMode): SimulatedFile {
    const { parent, name, node } = this.#find(path)
    if (mode.for === 'read' || mode.create === 'never' || node !== undefined) {
      if (node === undefined) throw new DiskError('DISK_NOT_FOUND', path, 'open: no such file')
      if (mode.for === 'write' && mode.create === 'new') throw exists(path)
      return new SimulatedFile(this.#machine, fileAt(node, path), path, mode)
    }
    const inode = new SimulatedInode(this.#machine.usage)
    this.#refuseFull(path)
    SimulatedDirectory.change([{ directory: parent, name, node: inode }])
    return new SimulatedFile(this.#machine, inode, path, mode)
  }

  async read(path: string, bytesMax: number = READ_BYTES_MAX): Promise<Uint8Array> {
    const file = await this.open(path, { for: 'read' })
    try {
      const bytes = await file.size()
      if (bytes <= bytesMax) return await file.read(0, bytes)
      throw new DiskError('DISK_TOO_LARGE', path, `file has ${bytes} of at most ${bytesMax} bytes`)
    } finally {
      await file.close()
    }
  }

  list(path: string): Promise<readonly DirectoryEntry[]> {
    return this.#act('list', path, () =>
      [...this.#directory(path).names]
        .map(([name, node]) => ({ name, kind: kindOf(node) }))
        .sort((one, other) => (one.name < other.name ? -1 : 1)),
    )
  }

  stat(path: string): Promise<FileFacts | undefined> {
    return this.#act('stat', path, () => {
      const node = this.#nodeAt(path)
      if (node === undefined) return undefined
      const [bytes, allocatedBytes] =
        node instanceof SimulatedInode ? [node.size, node.allocatedBytes] : [0, 0]
      return { kind: kindOf(node), bytes, allocatedBytes }
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.#act('rename', from, () => {
      const [source, target] = [this.#find(from), this.#find(to)]
      if (source.node === undefined) throw new DiskError('DISK_NOT_FOUND', from, 'rename: missing')
      if (target.node instanceof SimulatedDirectory) throw exists(to)
      SimulatedDirectory.change([
        { directory: source.parent, name: source.name, node: undefined },
        { directory: target.parent, name: target.name, node: source.node },
      ])
    })
  }

  remove(path: string): Promise<void> {
    return this.#act('remove', path, () => {
      const { parent, name, node } = this.#find(path)
      if (node === undefined) throw new DiskError('DISK_NOT_FOUND', path, 'remove: missing')
      if (node instanceof SimulatedDirectory) {
        throw new DiskError('DISK_NOT_A_FILE', path, 'remove: a directory')
      }
      SimulatedDirectory.change([{ directory: parent, name, node: undefined }])
    })
  }

  makeDirectory(path: string): Promise<void> {
    return makeDirectoryDurably(posix.resolve('/', path), {
      stat: (at) => this.stat(at),
      make: (at) => this.#makeOne(at),
      sync: (at) => this.syncDirectory(at),
    })
  }

  removeDirectory(path: string): Promise<void> {
    return this.#act('remove', path, () => {
      const { parent, name } = this.#find(path)
      if (this.#directory(path).names.size > 0) throw exists(path)
      SimulatedDirectory.change([{ directory: parent, name, node: undefined }])
    })
  }

  async syncDirectory(path: string): Promise<void> {
    const machine = this.#machine
    if (machine.isDown) return never()
    const struck = machine.faults.strike('sync-directory', path)
    const endFlush = this.#directory(path).beginFlush()
    await perform(
      machine,
      () => {
        if (struck === undefined) return
        endFlush(() => machine.random.chance(0.5))
        throw struck.error
      },
      () => endFlush(() => true),
    )
  }

  space(path: string): Promise<DiskSpace> {
    return this.#act('stat', path, () => {
      const { capacityBytes: totalBytes, usage } = this.#machine
      const freeBytes = Math.max(0, totalBytes - usage.pages * PAGE_BYTES)
      return { freeBytes, totalBytes }
    })
  }

  /** What struck so far: kind of fault to times. */
  get hits(): ReadonlyMap<string, number> {
    return this.#machine.faults.hits
  }

  /** The same, counted from zero again. */
  takeHits(): ReadonlyMap<string, number> {
    const taken = new Map(this.hits)
    this.#machine.faults.hits.clear()
    return taken
  }

  get misuses(): readonly string[] {
    return this.#machine.misuses
  }

  get openFiles(): readonly string[] {
    return [...this.#machine.open.values()]
  }

  get usedBytes(): number {
    return this.#machine.usage.pages * PAGE_BYTES
  }

  inject(fault: DiskFault): void {
    this.#machine.faults.add(fault)
  }

  clearFaults(): void {
    this.#machine.faults.clear()
  }

  setCapacity(bytes: number): void {
    this.#machine.capacityBytes = bytes
  }

  /** Puts a link, pipe or device in a file's place. */
  placeSpecial(path: string): void {
    const { parent, name } = this.#find(path)
    SimulatedDirectory.change([{ directory: parent, name, node: new Special() }])
  }

  /** Drops clean pages from the cache: what a failed flush did not write is gone. */
  evict(): void {
    forEachInode(this.#root, (inode) => inode.evict())
  }

  /** The same files for somebody outside: no latency, no faults, and no trace of having looked. */
  observer(): SimulatedDisk {
    return new SimulatedDisk({}, this.#root, this.#machine.usage)
  }

  /** Takes the machine down. This disk never answers again; the returned one is what it left. */
  crash({ power, random, latency, keeps = random.pick([0, 0.5, 0.9, 1]) }: Crash): SimulatedDisk {
    const { capacityBytes, open } = this.#machine
    this.#machine.isDown = true
    for (const file of open.keys()) file.abandon()
    const options = { random, capacityBytes, latency }
    if (power === 'kept') return new SimulatedDisk(options, this.#root, this.#machine.usage)
    const usage = { pages: 0 }
    return new SimulatedDisk(options, this.#root.afterPowerCut(usage, random, keeps), usage)
  }

  #makeOne(path: string): Promise<void> {
    return this.#act('make-directory', path, () => {
      const { parent, name, node } = this.#find(path)
      if (node !== undefined) throw exists(path)
      this.#refuseFull(path)
      SimulatedDirectory.change([{ directory: parent, name, node: new SimulatedDirectory() }])
    })
  }

  async #act<Result>(
    operation: DiskOperation,
    path: string,
    effect: () => Result,
    undo: (result: Result) => void = () => undefined,
  ): Promise<Result> {
    if (this.#machine.isDown) return never()
    const struck = this.#machine.faults.strike(operation, path)
    return perform(this.#machine, () => {
      if (struck === undefined) return effect()
      if (struck.effect === 'all') undo(effect())
      throw struck.error
    })
  }

  #refuseFull(path: string): void {
    const { usage, capacityBytes, faults } = this.#machine
    if ((usage.pages + 1) * PAGE_BYTES <= capacityBytes) return
    faults.count('disk full')
    throw new DiskError('DISK_FULL', path, 'create: no space')
  }

  #find(path: string): { parent: SimulatedDirectory; name: string; node?: SimulatedNode } {
    const whole = posix.resolve('/', path)
    const parent = this.#directory(posix.dirname(whole))
    const name = posix.basename(whole)
    const node = parent.names.get(name)
    return node === undefined ? { parent, name } : { parent, name, node }
  }

  #directory(path: string): SimulatedDirectory {
    const node = this.#nodeAt(path)
    if (node instanceof SimulatedDirectory) return node
    if (node !== undefined) throw new DiskError('DISK_NOT_A_FILE', path, 'not a directory')
    throw new DiskError('DISK_NOT_FOUND', path, 'no such directory')
  }

  #nodeAt(path: string): SimulatedNode | undefined {
    let node: SimulatedNode | undefined = this.#root
    for (const name of posix.resolve('/', path).split('/')) {
      if (name === '') continue
      if (!(node instanceof SimulatedDirectory)) return undefined
      node = node.names.get(name)
    }
    return node
  }
}

function fileAt(node: SimulatedNode, path: string): SimulatedInode {
  if (node instanceof SimulatedInode) return node
  throw new DiskError('DISK_NOT_A_FILE', path, 'open: not a regular file')
}

function exists(path: string): DiskError {
  return new DiskError('DISK_EXISTS', path, 'exists already')
}

function kindOf(node: SimulatedNode): FileKind {
  if (node instanceof SimulatedInode) return 'file'
  return node instanceof SimulatedDirectory ? 'directory' : 'other'
}

function forEachInode(directory: SimulatedDirectory, visit: (inode: SimulatedInode) => void): void {
  for (const node of directory.names.values()) {
    if (node instanceof SimulatedInode) visit(node)
    else if (node instanceof SimulatedDirectory) forEachInode(node, visit)
  }
}

import type { DirectoryEntry, Disk, FileFacts } from '../../packages/gateway/src/platform/index.ts'
import { DiskError } from '../../packages/gateway/src/platform/index.ts'

/** Files by path, directories implied; what `other` names is a link or a pipe. */
export class FileMap {
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly other: ReadonlySet<string>

  constructor(files: ReadonlyMap<string, Uint8Array>, other: ReadonlySet<string> = new Set()) {
    this.files = files
    this.other = other
  }

  with(path: string, bytes: Uint8Array): FileMap {
    return new FileMap(new Map(this.files).set(path, bytes), this.other)
  }

  without(...paths: readonly string[]): FileMap {
    const kept = [...this.files].filter(([path]) => !paths.includes(path))
    return new FileMap(new Map(kept), this.other)
  }

  withOther(path: string): FileMap {
    return new FileMap(this.without(path).files, new Set([...this.other, path]))
  }

  bytes(path: string): Uint8Array {
    const bytes = this.files.get(path)
    if (bytes === undefined) throw new Error(`no file ${path}`)
    return bytes
  }

  /** The same file with one byte changed; the byte's new value is its old one XOR `mask`. */
  flip(path: string, offset: number, mask: number): FileMap {
    const bytes = this.bytes(path).slice()
    bytes[offset] = (bytes[offset] ?? 0) ^ mask
    return this.with(path, bytes)
  }

  /** A disk with these files, for reading only: an audit that writes to what it audits fails. */
  disk(): Disk {
    return readOnly(this)
  }
}

function readOnly({ files, other }: FileMap): Disk {
  const folders = foldersOf([...files.keys(), ...other])
  const refuse = (path: string): never => {
    throw new DiskError('DISK_IO', path, 'read only')
  }
  const kindOf = (path: string) => {
    if (other.has(path)) return 'other'
    return folders.has(path) ? 'directory' : 'file'
  }
  return {
    open: async (path, mode) => {
      const bytes = files.get(path)
      if (mode.for !== 'read' || bytes === undefined) return refuse(path)
      return {
        read: async (offset, length) => bytes.slice(offset, offset + length),
        size: async () => bytes.length,
        close: async () => undefined,
        write: async () => refuse(path),
        sync: async () => refuse(path),
        truncate: async () => refuse(path),
      }
    },
    rename: async (path) => refuse(path),
    remove: async (path) => refuse(path),
    makeDirectory: async (path) => refuse(path),
    removeDirectory: async (path) => refuse(path),
    syncDirectory: async (path) => refuse(path),
    space: async (path) => refuse(path),
    async read(path, bytesMax = Number.POSITIVE_INFINITY) {
      const bytes = files.get(path)
      if (bytes === undefined) {
        const there = other.has(path) || folders.has(path)
        throw new DiskError(there ? 'DISK_NOT_A_FILE' : 'DISK_NOT_FOUND', path, 'read')
      }
      if (bytes.length > bytesMax) throw new DiskError('DISK_TOO_LARGE', path, 'read')
      return bytes
    },
    async list(path): Promise<readonly DirectoryEntry[]> {
      const names = folders.get(path)
      if (names === undefined) throw new DiskError('DISK_NOT_FOUND', path, 'list')
      return [...names].sort().map((name) => ({ name, kind: kindOf(`${path}/${name}`) }))
    },
    async stat(path): Promise<FileFacts | undefined> {
      const bytes = files.get(path)?.length ?? 0
      const there = files.has(path) || other.has(path) || folders.has(path)
      return there ? { kind: kindOf(path), bytes, allocatedBytes: bytes } : undefined
    },
  }
}

function foldersOf(paths: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const folders = new Map<string, Set<string>>()
  for (const path of paths) {
    const parts = path.split('/')
    for (let depth = 1; depth < parts.length; depth += 1) {
      const folder = parts.slice(0, depth).join('/')
      const names = folders.get(folder) ?? new Set()
      folders.set(folder, names.add(parts[depth] ?? ''))
    }
  }
  return folders
}

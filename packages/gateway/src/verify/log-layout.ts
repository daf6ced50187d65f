import { parseTilePath, TILE_WIDTH, TlogError } from '@countersign/tlog'
import { type Disk, diskErrorCode, type FileKind, TEMPORARY_SUFFIX } from '../platform/index.ts'
import type { Findings } from './report.ts'
import { VerifyError } from './verify-error.ts'

/** Whether a path may stand in the directory that is audited. */
export type Allows = (path: string, kind: FileKind) => boolean

/**
 * Walks a directory, links not followed, and reports what has no business there. What a crash may
 * leave of a file that was being written is the only stranger that is no fault.
 */
export async function walk(options: {
  readonly disk: Disk
  readonly directory: string
  readonly allows: Allows
  readonly to: Findings
  readonly visit?: (path: string) => void
}): Promise<void> {
  const { disk, directory, allows, to, visit } = options
  const pending = ['']
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const { name, kind } of await listing(disk, join(directory, folder))) {
      const path = join(folder, name)
      if (kind === 'other') {
        to.add('file', 'is neither a file nor a directory', { file: path })
      } else if (allows(whole(path, kind), kind)) {
        if (kind === 'directory') pending.push(path)
        else visit?.(path)
      } else to.add('file', `is a ${kind} that no ledger has`, { file: path })
    }
  }
}

function whole(path: string, kind: FileKind): string {
  const temporary = kind === 'file' && path.endsWith(TEMPORARY_SUFFIX)
  return temporary ? path.slice(0, -TEMPORARY_SUFFIX.length) : path
}

/** The names in a directory; none where there is no directory. */
export async function namesIn(disk: Disk, path: string): Promise<readonly string[]> {
  return (await listing(disk, path)).map(({ name }) => name)
}

async function listing(disk: Disk, path: string): ReturnType<Disk['list']> {
  try {
    return await disk.list(path)
  } catch (cause) {
    if (diskErrorCode(cause) === 'DISK_NOT_FOUND') return []
    throw new VerifyError('VERIFY_UNREADABLE', `cannot list ${path}`, { cause })
  }
}

function join(folder: string, name: string): string {
  return folder === '' || name === '' ? folder + name : `${folder}/${name}`
}

// The number of the farthest tile of the largest log has five groups of digits.
const TILE_FOLDERS = /^tile(?:\/(?:entries|0|[1-9][0-9]?)(?:\/x[0-9]{3}){0,4}(?:\/[0-9]{3}\.p)?)?$/

/** What may stand in a log's own directory. */
export function allowsInLog(path: string, kind: FileKind): boolean {
  if (kind === 'directory') return TILE_FOLDERS.test(path)
  return path === 'checkpoint' || path === 'vkeys' || isTile(path)
}

function isTile(path: string): boolean {
  try {
    return parseTilePath(path).width > 0
  } catch (error) {
    if (error instanceof TlogError) return false
    throw error
  }
}

/**
 * Which files a directory holds for a group of which the log once had less: a full tile that takes
 * the place of partial ones need not be remembered, so that memory stays small.
 */
export class Widths {
  readonly #partials = new Map<string, number[]>()

  /** Takes note of a file, `path` being relative to the log. */
  add(path: string): void {
    if (!isTile(path)) return
    const tile = parseTilePath(path)
    if (tile.width === TILE_WIDTH) return
    const key =
      tile.kind === 'entries'
        ? keyOf('entries', 0, tile.index)
        : keyOf('tile', tile.level, tile.index)
    const widths = this.#partials.get(key)
    if (widths === undefined) this.#partials.set(key, [tile.width])
    else widths.push(tile.width)
  }

  /** The widths of all files of a group that has a partial one, the full one among them. */
  of(by: 'tile' | 'entries', level: number, index: number): readonly number[] {
    const partials = this.#partials.get(keyOf(by, level, index))
    return partials === undefined ? [] : [...partials, TILE_WIDTH]
  }
}

function keyOf(by: 'tile' | 'entries', level: number, index: number): string {
  return `${by}/${level}/${index}`
}

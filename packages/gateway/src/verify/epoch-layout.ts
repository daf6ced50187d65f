import type { FileKind } from '../platform/index.ts'
import { parseBlockPath } from '../vault/index.ts'
import { allowsInLog } from './log-layout.ts'

const FOLDERS = /^(?:log|checkpoints|checkpoints\/notes|persons)$/
const BLOCK_FOLDERS = /^(?:records|acts)(?:\/x[0-9]{3})*(?:\/[0-9]{3}\.p)?$/
const CHECKPOINTS = /^checkpoints\/(?:[0-9]{8}|notes\/(?:0|[1-9][0-9]{0,15}))$/

/** What may stand in an epoch's directory. */
export function allowsInEpoch(path: string, kind: FileKind): boolean {
  if (path.startsWith('log/')) return allowsInLog(path.slice('log/'.length), kind)
  if (kind === 'directory') return FOLDERS.test(path) || BLOCK_FOLDERS.test(path)
  return CHECKPOINTS.test(path) || parseBlockPath(path) !== undefined
}

/** What a walk through an epoch's directory takes note of. */
export class EpochFiles {
  /** Sizes of the whole notes that are kept, rising once all are added. */
  readonly #notes: number[] = []
  #published = false

  add(path: string): void {
    const [, size] = /^checkpoints\/notes\/([0-9]+)$/.exec(path) ?? []
    if (size !== undefined) this.#notes.push(Number(size))
    this.#published ||= path.startsWith('checkpoints/') || path === 'log/checkpoint'
  }

  get notes(): readonly number[] {
    return this.#notes.sort((one, other) => one - other)
  }

  /** Whether anything was ever published here. */
  get published(): boolean {
    return this.#published
  }
}

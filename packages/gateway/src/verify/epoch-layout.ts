import type { Disk, FileKind } from '../platform/index.ts'
import { parseBlockPath } from '../vault/index.ts'
import { allowsInLog, namesIn } from './log-layout.ts'

const FOLDERS = /^(?:log|checkpoints|checkpoints\/notes|persons)$/
const BLOCK_FOLDERS = /^(?:records|acts)(?:\/x[0-9]{3}){0,4}(?:\/[0-9]{3}\.p)?$/
const CHECKPOINTS = /^checkpoints\/(?:[0-9]{8}|notes\/(?:0|[1-9][0-9]{0,15}))$/

/** What may stand in an epoch's directory. */
export function allowsInEpoch(path: string, kind: FileKind): boolean {
  if (path.startsWith('log/')) return allowsInLog(path.slice('log/'.length), kind)
  if (kind === 'directory') return FOLDERS.test(path) || BLOCK_FOLDERS.test(path)
  return CHECKPOINTS.test(path) || parseBlockPath(path) !== undefined
}

/** Sizes of the whole notes that are kept of an epoch's checkpoints, rising. */
export async function listNotes(disk: Disk, epochDirectory: string): Promise<readonly number[]> {
  const names = await namesIn(disk, `${epochDirectory}/checkpoints/notes`)
  const sizes = names.filter((name) => /^(?:0|[1-9][0-9]{0,15})$/.test(name)).map(Number)
  return sizes.sort((one, other) => one - other)
}

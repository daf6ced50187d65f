import { type Disk, diskErrorCode } from '../platform/index.ts'
import { VerifyError } from './verify-error.ts'

/** What stands under a name. `wrong` is what no ledger ever puts there. */
export type Read =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'missing' }
  | { readonly kind: 'wrong'; readonly why: string }

/**
 * Where a log is read from: a directory or a server. Paths are relative, with `/` between parts.
 * Throws VerifyError when it cannot say: a disk that fails, a server that does not answer.
 */
export interface Source {
  read(path: string, bytesMax: number): Promise<Read>
}

/** Reads below one directory, and follows no link out of it. */
export function directorySource(disk: Disk, directory: string): Source {
  return {
    async read(path, bytesMax) {
      try {
        return { kind: 'bytes', bytes: await disk.read(`${directory}/${path}`, bytesMax) }
      } catch (error) {
        return explain(error, path, bytesMax)
      }
    },
  }
}

/** Why what stands under a name is nothing that a ledger puts there; undefined for other errors. */
export function strangeness(error: unknown): string | undefined {
  const code = diskErrorCode(error)
  if (code === 'DISK_NOT_A_FILE') return 'is not a regular file'
  return code === 'DISK_TOO_LARGE' ? 'is larger than any ledger makes it' : undefined
}

function explain(error: unknown, path: string, bytesMax: number): Read {
  switch (diskErrorCode(error)) {
    case 'DISK_NOT_FOUND':
      return { kind: 'missing' }
    case 'DISK_NOT_A_FILE':
      return { kind: 'wrong', why: 'is not a regular file' }
    case 'DISK_TOO_LARGE':
      return { kind: 'wrong', why: `is larger than ${bytesMax} bytes` }
    default:
      throw new VerifyError('VERIFY_UNREADABLE', `cannot read ${path}`, { cause: error })
  }
}

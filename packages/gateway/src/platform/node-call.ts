import { DiskError, type DiskErrorCode } from './disk-error.ts'

type Callback<Result> = (error: NodeJS.ErrnoException | null, result?: Result) => void

/** One call of `node:fs` as a promise; its failure as a DiskError that names the path. */
export function call<Result = void>(
  operation: string,
  path: string,
  start: (done: Callback<Result>) => void,
): Promise<Result> {
  return new Promise((settle, fail) => {
    start((error, result) => {
      if (error !== null) fail(diskError(operation, path, error))
      else settle(result as Result)
    })
  })
}

const CODES: Readonly<Record<string, DiskErrorCode>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  ENOENT: 'DISK_NOT_FOUND',
  EEXIST: 'DISK_EXISTS',
  ENOTEMPTY: 'DISK_EXISTS',
  ELOOP: 'DISK_NOT_A_FILE',
  EISDIR: 'DISK_NOT_A_FILE',
  ENOTDIR: 'DISK_NOT_A_FILE',
  ENXIO: 'DISK_NOT_A_FILE',
}

/** Everything that has no code of its own is DISK_IO: unknown, so nothing may be assumed. */
export function diskError(
  operation: string,
  path: string,
  cause: NodeJS.ErrnoException,
): DiskError {
  const number = cause.code ?? 'unknown error'
  return new DiskError(CODES[number] ?? 'DISK_IO', path, `${operation}: ${number}`, { cause })
}

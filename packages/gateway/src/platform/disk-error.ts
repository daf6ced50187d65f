export type DiskErrorCode =
  | 'DISK_FULL'
  | 'DISK_NOT_FOUND'
  | 'DISK_EXISTS'
  | 'DISK_IO'
  | 'DISK_NOT_A_FILE'
  | 'DISK_TOO_LARGE'
  | 'DISK_OWNED'

/** What a disk, a lock or an ownership refused, and on which path. */
export class DiskError extends Error {
  readonly code: DiskErrorCode
  readonly path: string

  constructor(code: DiskErrorCode, path: string, why: string, options?: ErrorOptions) {
    super(`${why}: ${path}`, options)
    this.name = 'DiskError'
    this.code = code
    this.path = path
  }
}

/** The code of a DiskError, undefined for anything else that was thrown. */
export function diskErrorCode(error: unknown): DiskErrorCode | undefined {
  return error instanceof DiskError ? error.code : undefined
}

import { diskErrorCode } from '../platform/index.ts'
import { CliError } from './command.ts'

/** What is not there is said once, not as the system says it. */
export async function readable<Read>(path: string, reading: Promise<Read>): Promise<Read> {
  try {
    return await reading
  } catch (cause) {
    if (codeOf(cause) === 'ENOTDIR') {
      throw new CliError(2, `${path} is no directory: name the one that holds the *.cedar files`)
    }
    const isThere = diskErrorCode(cause) !== 'DISK_NOT_FOUND' && codeOf(cause) !== 'ENOENT'
    throw isThere ? cause : new CliError(2, `there is no ${path}`)
  }
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}

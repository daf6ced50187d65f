import { diskErrorCode } from '../platform/index.ts'
import { type CliContext, CliError } from './command.ts'

const KEK_BYTES_MAX = 256

/** The key-encryption key where it is not in the data directory: a file, or the environment. */
export async function kekText(
  { disk, environment }: CliContext,
  file: string | undefined,
): Promise<string | undefined> {
  if (file === undefined) return environment.COUNTERSIGN_KEK
  try {
    return new TextDecoder().decode(await disk.read(file, KEK_BYTES_MAX))
  } catch (cause) {
    const why = diskErrorCode(cause) === 'DISK_NOT_FOUND' ? 'there is no file' : 'cannot read'
    throw new CliError(2, `${why} ${file}`, { cause })
  }
}

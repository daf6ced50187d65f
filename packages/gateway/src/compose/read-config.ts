import { realpath } from 'node:fs/promises'
import { CONFIG_BYTES_MAX, type Config, parseConfig } from '../config/index.ts'
import { nodeDisk } from '../platform/index.ts'

export interface ReadConfig {
  readonly config: Config
  /** The file as it was read: its digest goes into the ledger. */
  readonly bytes: Uint8Array
}

export async function readConfig(path: string): Promise<ReadConfig> {
  const bytes = await readNamed(path, CONFIG_BYTES_MAX)
  return { config: parseConfig(path, bytes), bytes }
}

/** Reads a file that an operator named. Links are followed: that is how secrets are mounted. */
export async function readNamed(path: string, bytesMax: number): Promise<Uint8Array> {
  try {
    return await nodeDisk().read(await realpath(path), bytesMax)
  } catch (cause) {
    throw new Error(`cannot read ${path}: ${(cause as Error).message}`, { cause })
  }
}

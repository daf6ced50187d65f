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

/** Reads each file once: what is made of it is what its digest was made of. */
export function readingOnce(): typeof readNamed {
  const found = new Map<string, Promise<Uint8Array>>()
  return async (path, bytesMax) => {
    const reading = found.get(path) ?? readNamed(path, bytesMax)
    found.set(path, reading)
    const bytes = await reading
    if (bytes.length <= bytesMax) return bytes
    throw new Error(`cannot read ${path}: it is over ${bytesMax} bytes`)
  }
}

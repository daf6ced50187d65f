import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Disk, diskErrorCode, type Random, writeFileDurably } from '../platform/index.ts'
import { newKekText } from '../vault/index.ts'

/** Where the key-encryption key is. */
export type KekPlace = { readonly file: string } | { readonly env: string }

export interface KekOptions {
  readonly disk: Disk
  readonly random: Random
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly place: KekPlace
  /** A new data directory gets a new key; an old one must not, since nothing would open. */
  readonly mayCreate: boolean
}

const KEK_BYTES_MAX = 256

/** The key's text, as the vault parses it. */
export async function readKek(options: KekOptions): Promise<string> {
  const { place, environment } = options
  if ('file' in place) return readOrCreate(options, place.file)
  const text = environment[place.env]
  if (text !== undefined) return text
  throw new Error(`vault.kek.env: the environment has no ${place.env}`)
}

async function readOrCreate(options: KekOptions, file: string): Promise<string> {
  const { disk, random, mayCreate } = options
  try {
    // Links are followed: that is how secrets are mounted.
    const followed = await realpath(file).catch(() => file)
    return new TextDecoder().decode(await disk.read(followed, KEK_BYTES_MAX))
  } catch (error) {
    if (diskErrorCode(error) !== 'DISK_NOT_FOUND' || !mayCreate) {
      throw new Error(`vault.kek: cannot read ${file}: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }
  const text = newKekText(random)
  await disk.makeDirectory(dirname(file))
  await writeFileDurably(disk, file, new TextEncoder().encode(text), { syncDirectory: true })
  return text
}

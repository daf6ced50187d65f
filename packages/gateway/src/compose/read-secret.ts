import type { Machine } from './machine.ts'
import { readNamed } from './read-config.ts'

const SECRET_BYTES_MAX = 65_536

/** The bytes of a secret, without the line end that editors leave behind. */
export async function readSecret(
  place: { readonly file: string } | { readonly env: string },
  { environment }: Pick<Machine, 'environment'>,
  read: typeof readNamed = readNamed,
): Promise<Uint8Array> {
  if ('file' in place) return trimmed(await read(place.file, SECRET_BYTES_MAX))
  const text = environment[place.env]
  if (text === undefined) throw new Error(`the environment has no ${place.env}`)
  return new TextEncoder().encode(text)
}

function trimmed(bytes: Uint8Array): Uint8Array {
  if (bytes.at(-1) !== 0x0a) return bytes
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1)
}

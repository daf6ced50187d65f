import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { PolicyFile } from '../policy/index.ts'
import { readNamed } from './read-config.ts'

const POLICY_BYTES_MAX = 1_048_576

/** Every `*.cedar` file of the directory, by name. None is no error: nothing is permitted then. */
export async function readPolicies(directory: string): Promise<readonly PolicyFile[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.cedar')).toSorted()
  return Promise.all(
    names.map(async (name) => {
      const bytes = await readNamed(join(directory, name), POLICY_BYTES_MAX)
      return { name, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
    }),
  )
}

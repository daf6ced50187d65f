import { isSeq } from 'yaml'
import { z } from 'zod'
import type { Clock, Disk, Random } from '../platform/index.ts'
import { hashApiKey, mintApiKey } from './api-key.ts'
import { readIfThere, writeWhole } from './edit-file.ts'
import { IdentityError } from './identity-error.ts'
import { KEYS_FILE_BYTES_MAX, keyFactsSchema, parseKeysFile, readDocument } from './keys-file.ts'

/** What the operator says of a new key; defaults as in the keys file. */
export type KeyFacts = z.input<typeof keyFactsSchema>

export interface CreatedKey {
  /** The file with the key's hash appended; comments and order of the rest are kept. */
  readonly text: string
  readonly prefix: string
  /** The key itself: shown once, kept nowhere. */
  readonly token: string
}

interface Making {
  readonly random: Random
  readonly clock: Clock
}

/** Appends a key to the text of a keys file; it may replace another, which stays as it is. */
export function createKey(
  fileText: string,
  facts: KeyFacts,
  making: Making,
  replaces?: string,
): CreatedKey {
  const parsed = keyFactsSchema.safeParse(facts)
  if (!parsed.success) {
    throw new IdentityError('IDENTITY_KEY_REFUSED', `key: ${z.prettifyError(parsed.error)}`)
  }
  const document = readDocument(fileText)
  const keys = document.get('keys')
  const { prefix, token } = mintApiKey(making.random)
  const hash = `sha256:${Buffer.from(hashApiKey(token)).toString('base64url')}`
  const created = new Date(Math.floor(making.clock.nowUs() / 1000)).toISOString()
  if (!isSeq(keys)) throw new IdentityError('IDENTITY_KEY_REFUSED', 'keys is not a list')
  keys.flow = false
  const origin = replaces === undefined ? {} : { replaces }
  keys.add(document.createNode({ prefix, hash, ...parsed.data, ...origin, created }))
  const text = document.toString({ lineWidth: 0 })
  // A prefix that exists already, or a kind that differs, is met before it is kept.
  parseKeysFile(text)
  return { text, prefix, token }
}

/** Creates a key in the file at `path`, which need not exist; durable when it resolves. */
export async function createKeyInFile(
  path: string,
  facts: KeyFacts,
  making: Making & { readonly disk: Disk },
): Promise<CreatedKey> {
  const former = await readIfThere(making.disk, path, KEYS_FILE_BYTES_MAX)
  const created = createKey(former, facts, making)
  await writeWhole(making.disk, path, created.text)
  return created
}

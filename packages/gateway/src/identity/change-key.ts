import { isMap, isSeq, type YAMLMap } from 'yaml'
import type { Clock, Random } from '../platform/index.ts'
import { type CreatedKey, createKey } from './create-key.ts'
import { IdentityError } from './identity-error.ts'
import { parseKeysFile, readDocument } from './keys-file.ts'

/** Sets when a key ends; undefined takes its end away. */
export function expireKey(fileText: string, prefix: string, expires: string | undefined): string {
  return changed(fileText, (document) => {
    const key = keyIn(document, prefix)
    if (expires === undefined) key.delete('expires')
    else key.set('expires', expires)
  })
}

/** Takes a key out: whoever shows it is not known any more. */
export function revokeKey(fileText: string, prefix: string): string {
  return changed(fileText, (document) => {
    const keys = listIn(document)
    const key = keyIn(document, prefix)
    keys.items = keys.items.filter((item) => item !== key)
  })
}

/**
 * Makes a key for the same principal, and ends the old one when whoever holds it has had time to
 * take over the new one. An end that is earlier already stays.
 */
export function rotateKey(
  fileText: string,
  prefix: string,
  of: { readonly oldExpires: string; readonly newExpires?: string | undefined },
  making: { readonly random: Random; readonly clock: Clock },
): CreatedKey {
  const former = parseKeysFile(fileText).get(prefix)
  if (former === undefined) throw unknownKey(prefix)
  const { principal, credential } = former
  if (principal.kind === 'anonymous') throw unknownKey(prefix)
  const { expiresAtUs, label } = credential
  const made = createKey(
    fileText,
    {
      principal: principal.id,
      kind: principal.kind,
      groups: [...principal.groups],
      roles: [...principal.roles],
      scopes: [...principal.scopes],
      ...(label === undefined ? {} : { label }),
      ...(of.newExpires === undefined ? {} : { expires: of.newExpires }),
    },
    making,
    prefix,
  )
  const endsSooner = expiresAtUs !== undefined && expiresAtUs <= Date.parse(of.oldExpires) * 1000
  return endsSooner ? made : { ...made, text: expireKey(made.text, prefix, of.oldExpires) }
}

function changed(
  fileText: string,
  change: (document: ReturnType<typeof readDocument>) => void,
): string {
  const document = readDocument(fileText)
  change(document)
  const text = document.toString({ lineWidth: 0 })
  parseKeysFile(text)
  return text
}

function listIn(document: ReturnType<typeof readDocument>) {
  const keys = document.get('keys')
  if (!isSeq(keys)) throw new IdentityError('IDENTITY_KEY_REFUSED', 'keys is not a list')
  return keys
}

function keyIn(document: ReturnType<typeof readDocument>, prefix: string): YAMLMap {
  const found = listIn(document).items.find((item) => isMap(item) && item.get('prefix') === prefix)
  if (!isMap(found)) throw unknownKey(prefix)
  return found
}

function unknownKey(prefix: string): IdentityError {
  const message = `the keys file has no key ${prefix}: \`keys list\` shows those that it has`
  return new IdentityError('IDENTITY_KEY_REFUSED', message)
}

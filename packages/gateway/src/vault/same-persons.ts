import { Buffer } from 'node:buffer'
import { mapKey } from './bytes.ts'
import { asFault, VaultError } from './errors.ts'
import { type Pack, splitPacks } from './pack.ts'
import type { PackOpener } from './pack-maker.ts'
import { PackedRow } from './packed-row.ts'
import type { PersonRows } from './pending-persons.ts'
import type { Table } from './table.ts'

interface Wanted {
  readonly first: number
  readonly end: number
  readonly groups: readonly PersonRows[]
}

const row = new PackedRow()

/**
 * Whether a file of persons that is there says what the entries say: an earlier run wrote it, or
 * somebody else put it there. Of a pack whose key is gone its header has to do: nobody can open
 * it, nor seal it again.
 */
export async function holdsPersons(
  stored: { readonly path: string; readonly bytes: Uint8Array },
  { first, end, groups }: Wanted,
  opener: PackOpener,
): Promise<boolean> {
  const packs = await asFault(async () => splitPacks(stored.path, stored.bytes))
  if (packs instanceof VaultError || packs.length !== groups.length) return false
  const byKey = new Map(packs.map((pack) => [mapKey(pack.header.keyId), pack]))
  for (const group of groups) {
    const pack = byKey.get(mapKey(group.keyId))
    if (pack?.header.from !== first || pack.header.to !== end) return false
    if (!(await holdsGroup(pack, group, opener))) return false
  }
  return true
}

async function holdsGroup(pack: Pack, group: PersonRows, opener: PackOpener): Promise<boolean> {
  const table = await asFault(() => opener.personTable(pack))
  if (table instanceof VaultError) return table.code === 'VAULT_KEY_MISSING'
  if (table.rows !== group.count) return false
  for (let nth = 0; nth < group.count; nth++) {
    group.read(nth, row)
    if (!isRow(table, nth)) return false
  }
  return true
}

/** Whether the `nth` row of the table is what `row` holds. */
function isRow(table: Table, nth: number): boolean {
  const { sections } = table.form(nth)
  if (table.offset(nth) !== row.offset || sections.length !== row.count) return false
  return sections.every(({ id }, at) => {
    const want = row.from[at]?.subarray(row.start[at], row.end[at])
    const bytes = table.sectionBytes(nth, at)
    if (want === undefined || bytes === undefined || id !== row.ids[at]) return false
    return Buffer.compare(want, bytes) === 0
  })
}

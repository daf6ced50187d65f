import { type BlockReader, parseBlockPath, personsPath, VaultError } from '../vault/index.ts'
import type { Findings } from './report.ts'
import { strangeness } from './source.ts'

interface PersonsAuditOptions {
  readonly reader: Pick<BlockReader, 'personsFile'>
  /** Of the checkpoint. */
  readonly size: number
  /** Ids of keys, in hexadecimal, of which a record says that they are gone. */
  readonly isErased: (keyId: string) => boolean
  /** Ids of keys that sections need and that are not here: those were named. */
  readonly isMissed: (keyId: string) => boolean
  readonly to: Findings
}

/**
 * Files of persons that no record names yet, as the newest ones are. Sections are looked up in
 * them, so that a pack which no section is in would be read by nobody: whoever can write there
 * could add one. All their packs are opened, and each must have been sealed under its key.
 */
export class PersonsAudit {
  readonly #unnamed = new Set<number>()

  /** Takes note of a file that is there, `path` being relative to the epoch. */
  found(path: string): void {
    const file = parseBlockPath(path)
    if (file?.family === 'persons') this.#unnamed.add(file.first)
  }

  /** Takes note of a file whose digest a record tells. */
  named(path: string): void {
    const file = parseBlockPath(path)
    if (file?.family === 'persons') this.#unnamed.delete(file.first)
  }

  /** Once all records were read, and told which keys are gone. */
  async finish(options: PersonsAuditOptions): Promise<void> {
    const covered = [...this.#unnamed].filter((first) => first < options.size)
    for (const first of covered.sort((one, other) => one - other)) await audit(first, options)
  }
}

async function audit(first: number, options: PersonsAuditOptions): Promise<void> {
  const { reader, size, isErased, isMissed, to } = options
  const where = { file: personsPath(first) }
  const file = await opened(first, reader)
  if (file instanceof VaultError) {
    // It may have expired since it was listed; whoever needs it has said so.
    if (file.code !== 'VAULT_FILE_MISSING') to.add('block', whyClosed(file), where)
    return
  }
  for (const fault of await file.faults((keyId) => isErased(keyId) || isMissed(keyId))) {
    if (fault.code !== 'VAULT_KEY_MISSING') to.add('block', whyClosed(fault), where)
    else if (file.end <= size)
      to.add('block', `${whyClosed(fault)}, and no section needs it`, where)
    // A record that no checkpoint covers yet may say that the key is gone.
    else to.skip('block', whyClosed(fault), where)
  }
}

/** What no ledger puts there is a fault of the file too. */
async function opened(
  first: number,
  reader: PersonsAuditOptions['reader'],
): ReturnType<BlockReader['personsFile']> {
  try {
    return await reader.personsFile(first)
  } catch (cause) {
    const strange = strangeness(cause)
    if (strange === undefined) throw cause
    return new VaultError('VAULT_MALFORMED', `${personsPath(first)} ${strange}`, { cause })
  }
}

function whyClosed({ message }: VaultError): string {
  return `cannot be opened: ${message}`
}

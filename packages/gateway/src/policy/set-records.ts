import { cutTexts, joinTexts, type PolicyFacts, type TextPiece } from '@countersign/evidence'
import type { PolicyFile } from './policy-files.ts'
import { POLICY_SCHEMA } from './schema.ts'

/** What the schema is called among the files of a `policy` record; no policy file is called so. */
const SCHEMA_FILE = 'countersign.cedarschema'

/**
 * The facts of the `policy` records that hold a set whole, schema and comments and all: decisions
 * made by it can be made again from the ledger alone.
 */
export function factsOfSet(
  sha256: string,
  files: readonly PolicyFile[],
  previous: string | undefined,
): readonly PolicyFacts[] {
  const groups = cutTexts([{ name: SCHEMA_FILE, text: POLICY_SCHEMA }, ...files])
  return groups.map((pieces, at) => ({
    act: 'loaded',
    sha256,
    ...(previous === undefined ? {} : { previous }),
    files: pieces,
    ...(groups.length === 1 ? {} : { part: at + 1, parts: groups.length }),
  }))
}

/** A set as it was recorded. */
export interface RecordedSet {
  readonly files: readonly PolicyFile[]
  readonly schema: string | undefined
}

/** From the pieces of all parts, in order. */
export function readRecordedSet(pieces: readonly TextPiece[]): RecordedSet {
  const texts = joinTexts(pieces)
  return {
    files: texts.filter(({ name }) => name !== SCHEMA_FILE),
    schema: texts.find(({ name }) => name === SCHEMA_FILE)?.text,
  }
}

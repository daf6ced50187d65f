import {
  type CapturedFacts,
  type CaptureFacts,
  type Disclosure,
  kindOfCode,
  makeDisclosure,
  parseSection,
  SECTIONS,
  type SectionId,
} from '@countersign/evidence'
import { type OpenedBody, type OpenedRecord, VaultError } from '../vault/index.ts'
import { type RecordOptions, recordWithBodies } from './shown-record.ts'
import { VerifyError } from './verify-error.ts'

export type BodyDirection = 'request' | 'response'

export interface BodyOptions extends RecordOptions {
  /** Absent: the one that there is. */
  readonly direction?: BodyDirection
  /** Handed the content as it is opened: nothing of it may be believed before the end. */
  readonly take: (content: Uint8Array) => void | Promise<void>
}

/** A captured body, held against a record that is held against its leaf. */
export interface CapturedBody {
  readonly epoch: number
  readonly index: number
  /** The size of the checkpoint that covers the record; null where none does yet. */
  readonly checkpoint: number | null
  readonly direction: BodyDirection
  readonly captured: CapturedFacts
  /** SHA-256 of the content, and the salt that makes the digest of the record of it. */
  readonly opened: OpenedBody
  /** Of the record: `when`, and the section that names the body. */
  readonly disclosure: Disclosure
}

/**
 * Opens the body that a record names. Throws VERIFY_NOTHING_THERE where it names none,
 * VERIFY_TAMPERED where the file is not the one it names, VERIFY_NO_KEY where no key opens it.
 */
export async function capturedBody(options: BodyOptions): Promise<CapturedBody> {
  const { index, epoch } = options
  const { record, checkpoint, bodies } = await recordWithBodies(options)
  const { direction, captured, section } = chosen(record, options.direction)
  try {
    const opened = await bodies.read(captured, options.take)
    const disclosure = disclosed(record, section)
    return { epoch, index, checkpoint, direction, captured, opened, disclosure }
  } catch (cause) {
    if (!(cause instanceof VaultError)) throw cause
    const noKey = cause.code === 'VAULT_KEY_MISSING' || cause.code === 'VAULT_MALFORMED'
    const file = cause.place.file ?? captured.sha256
    const why = noKey ? cause.message : `${file}: ${cause.message}`
    throw new VerifyError(noKey ? 'VERIFY_NO_KEY' : 'VERIFY_TAMPERED', why, { cause })
  }
}

function chosen(
  record: OpenedRecord,
  direction: BodyDirection | undefined,
): Told & { readonly captured: CapturedFacts } {
  const { index } = record
  const told = toldBodies(record)
  const wanted = told.filter((each) => (direction ?? each.direction) === each.direction)
  const [first, second] = wanted.filter(({ captured }) => captured !== undefined)
  if (second !== undefined) {
    throw new VerifyError('VERIFY_USAGE', `record ${index} names two: add --direction`)
  }
  if (first?.captured !== undefined) return { ...first, captured: first.captured }
  const [left] = wanted
  const why = left?.uncaptured === undefined ? '' : `: ${left.direction} ${left.uncaptured}`
  const what = direction === undefined ? 'captured body' : `captured ${direction} body`
  throw new VerifyError('VERIFY_NOTHING_THERE', `record ${index} names no ${what}${why}`)
}

/** Without the salts and bytes of what else the record says. */
function disclosed({ sections }: OpenedRecord, section: SectionId): Disclosure {
  const held = sections.map(({ id, digest, open }) => ({ id, digest, opened: open }))
  return makeDisclosure(held, [SECTIONS.when, section])
}

interface Told {
  /** The section that tells it. */
  readonly section: SectionId
  readonly direction: BodyDirection
  readonly captured?: CapturedFacts | undefined
  readonly uncaptured?: string | undefined
}

function toldBodies({ kind: code, sections }: OpenedRecord): readonly Told[] {
  const kind = kindOfCode(code)
  if (kind !== 'intent' && kind !== 'refusal' && kind !== 'outcome') return []
  const told: Told[] = []
  for (const { id, open } of sections) {
    if (open === undefined || (id !== SECTIONS.what && id !== SECTIONS.how)) continue
    const value = parseSection(id as SectionId, kind, open.bytes) as {
      readonly body?: CaptureFacts
      readonly request?: CaptureFacts
      readonly response?: CaptureFacts
    }
    for (const [direction, body] of [
      ['request', value.body],
      ['request', value.request],
      ['response', value.response],
    ] as const) {
      if (body?.captured === undefined && body?.uncaptured === undefined) continue
      told.push({
        section: id as SectionId,
        direction,
        captured: body.captured,
        uncaptured: body.uncaptured,
      })
    }
  }
  return told
}

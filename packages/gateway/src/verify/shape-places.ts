import { SECTIONS, type SectionId, sectionName } from '@countersign/evidence'
import { MARKS } from '../vault/index.ts'
import { columnIn, isSealPlain } from './quick-record.ts'

const [TEXT, INTEGER, UUID] = [MARKS.text, MARKS.integer, MARKS.uuid]
const [TIME, HEX16] = [MARKS.time, MARKS.hex16]

/** Where sections of one skeleton say what an audit wants to know; each column −1: nowhere. */
export interface ShapePlaces {
  /** Undefined unless it is a `when` of which all is in columns. */
  readonly when: WhenPlaces | undefined
  readonly ended: number
  readonly seal: SealPlaces
}

interface WhenPlaces {
  readonly kind: number
  readonly id: number
  readonly exchange: number
  readonly at: number
  readonly incarnation: number
  readonly epoch: number
  readonly index: number
  readonly isRelaxed: boolean
}

interface SealPlaces {
  /** By section: where the key is named that seals it. */
  readonly columns: readonly number[]
  /** Values that might be ids of keys. */
  readonly named: number
  readonly isPlain: boolean
}

const SECTION_IDS: readonly SectionId[] = Object.values(SECTIONS)

export function shapePlaces(text: string): ShapePlaces {
  const columns: number[] = Array.from({ length: SECTIONS.seal + 1 }, () => -1)
  for (const id of SECTION_IDS) columns[id] = columnIn(text, `"${sectionName(id)}":"`, HEX16)
  const named = text.split(String.fromCharCode(HEX16)).length - 1
  return {
    when: whenPlaces(text),
    ended: columnIn(text, '"ended":"', TEXT),
    seal: { columns, named, isPlain: isSealPlain(text) },
  }
}

/** Members of `when`, where each of them is a column; a clock that is told of is rare. */
function whenPlaces(text: string): WhenPlaces | undefined {
  const places = {
    kind: columnIn(text, '"kind":"', TEXT),
    id: columnIn(text, '"id":"', UUID),
    exchange: columnIn(text, '"exchange":"', UUID),
    at: columnIn(text, '"at":"', TIME),
    incarnation: columnIn(text, '"incarnation":', INTEGER),
    epoch: columnIn(text, '"epoch":', INTEGER),
    index: columnIn(text, '"index":', INTEGER),
    // Where it is said at all, the schema lets it say one thing.
    isRelaxed: text.includes('"recording":"'),
  }
  const { kind, id, exchange, at, incarnation, epoch, index } = places
  const isWhole = epoch >= 0 === index >= 0 && text.includes('"about":') === index >= 0
  const isThere = [kind, id, exchange, at, incarnation].every((column) => column >= 0)
  return isWhole && isThere && !text.includes('"clock":') ? places : undefined
}

import { KINDS, type SectionName } from '@countersign/evidence'
import { GarbledError } from './frame-reader.ts'
import type { AskedWords, Asking, FromWorker, IntentWords } from './messages.ts'

export type RecordAsking = Extract<
  Asking,
  readonly ['intent' | 'refusal' | 'outcome' | 'progress' | 'fold' | 'count', ...unknown[]]
>

const RECORDS = ['intent', 'outcome', 'refusal', 'progress', 'fold', 'count']

export function isOfRecords(row: FromWorker): row is RecordAsking {
  return RECORDS.includes(row[0])
}

const ASKED: readonly SectionName[] = ['who', 'actor', 'where', 'what', 'why']
const NEEDED = { intent: neededBy('intent'), refusal: neededBy('refusal') }

/**
 * Throws what would make a record that no audit takes, as far as it shows without reading a text:
 * of a row that crossed as a value the types are the worker's word alone.
 */
export function assertRecordRow(row: RecordAsking): void {
  if (row[0] === 'intent') assertAsked(row[6], NEEDED.intent)
  else if (row[0] === 'refusal') {
    assertText(row[7])
    assertAsked(row[6], NEEDED.refusal)
  } else if (row[0] === 'outcome') {
    assertIntent(row[2])
    if (row[3] !== undefined) assertText(row[3])
    assertText(row[4])
  } else if (row[0] === 'progress') {
    assertIntent(row[2])
    assertText(row[3])
  } else if (row[0] === 'count') assertCount(row)
}

function neededBy(kind: 'intent' | 'refusal'): readonly boolean[] {
  const required: readonly SectionName[] = KINDS[kind].required
  return ASKED.map((name) => required.includes(name))
}

function assertAsked(texts: AskedWords, needed: readonly boolean[]): void {
  for (let place = 0; place < needed.length; place++) {
    const text = texts[place]
    if (text !== undefined || needed[place] === true) assertText(text)
  }
}

function assertIntent([index, slot]: IntentWords): void {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(slot)) throw garbled()
}

function assertCount(row: Extract<RecordAsking, readonly ['count', ...unknown[]]>): void {
  const act: string = row[3]
  if (act !== 'tally' && act !== 'close') throw garbled()
  if (!Number.isSafeInteger(row[4]) || row[4] < 0) throw garbled()
  assertText(row[5])
}

function assertText(text: unknown): void {
  if (typeof text !== 'string') throw garbled()
}

function garbled(): GarbledError {
  return new GarbledError('a record that a worker asks for is none')
}

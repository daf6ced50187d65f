import {
  type ClockState,
  formatTime,
  KINDS,
  type Kind,
  type RecordPlace,
  SECTION_HEAD_BYTES,
} from '@countersign/evidence'
import { writeLatin1 } from '../platform/index.ts'
import { FramedSection } from './framed-section.ts'

/** The members of `when`, the version aside. */
export interface WhenFacts {
  readonly kind: Kind
  /** `id` as 16 bytes. */
  readonly recordId: Uint8Array
  /** A UUID as text. */
  readonly exchange: string | undefined
  readonly atUs: number
  readonly gateway: string
  readonly incarnation: number
  readonly about: RecordPlace | undefined
  readonly clock: ClockState | undefined
  readonly recording: 'relaxed' | undefined
}

/** A section as bytes behind its head. */
export interface WrittenSection {
  readonly section: FramedSection
  readonly end: number
}

const UUID_CHARACTERS = 36
const TIME_CHARACTERS = 27
const FRACTION_DIGITS = 6
const FRACTION_AT = 20
const US_PER_SECOND = 1_000_000
/** What follows an index: its end, the state of the clock, how it is recorded. */
const REST_BYTES = 128
const ZERO = 0x30
const DASH = 0x2d
const BRACE = 0x7d
/** Of each byte its two digits. */
const DIGITS = Uint8Array.from({ length: 512 }, (_, at) =>
  (((at >> 1) >> (at % 2 === 0 ? 4 : 0)) & 0xf).toString(16).charCodeAt(0),
)

/**
 * The `when` of records that differ only in ids, time and index: bytes with places for these. As
 * text it would be joined, and taken apart again, twice for each exchange.
 */
class WhenForm implements WrittenSection {
  readonly section: FramedSection
  readonly #of: WhenFacts
  readonly #idAt: number
  readonly #exchangeAt: number
  readonly #timeAt: number
  readonly #tailAt: number
  #second = -1
  end = 0

  constructor(of: WhenFacts) {
    const { kind, exchange, gateway, incarnation, about } = of
    const blank = ' '.repeat(UUID_CHARACTERS)
    const upToId = `{"v":1,"kind":"${kind}","id":"`
    const upToExchange = exchange === undefined ? '' : `${blank}","exchange":"`
    const upToTime = `${blank}","at":"`
    const quoted = JSON.stringify(gateway.toWellFormed())
    const place = `","gateway":${quoted},"incarnation":${incarnation}`
    const concerns = about === undefined ? '' : `,"about":{"epoch":${about.epoch},"index":`
    const head = upToId + upToExchange + upToTime
    const text = Buffer.from(`${head}${' '.repeat(TIME_CHARACTERS)}${place}${concerns}`)
    this.#of = of
    this.#idAt = SECTION_HEAD_BYTES + upToId.length
    this.#exchangeAt = this.#idAt + upToExchange.length
    this.#timeAt = SECTION_HEAD_BYTES + head.length
    this.#tailAt = SECTION_HEAD_BYTES + text.length
    this.section = new FramedSection(text.length + REST_BYTES)
    this.section.memory.set(text, SECTION_HEAD_BYTES)
  }

  fits({ kind, exchange, gateway, incarnation, about }: WhenFacts): boolean {
    const of = this.#of
    return (
      kind === of.kind &&
      incarnation === of.incarnation &&
      gateway === of.gateway &&
      (exchange === undefined) === (of.exchange === undefined) &&
      about?.epoch === of.about?.epoch
    )
  }

  write({ recordId, exchange, atUs, about, clock, recording }: WhenFacts): WrittenSection {
    const { memory } = this.section
    writeUuid(memory, this.#idAt, recordId)
    if (exchange !== undefined) {
      if (exchange.length !== UUID_CHARACTERS) throw new RangeError('exchange is no uuid')
      writeText(memory, this.#exchangeAt, exchange)
    }
    this.#writeTime(memory, atUs)
    let at = this.#tailAt
    if (about !== undefined) {
      at = writeInteger(memory, at, about.index)
      memory[at++] = BRACE
    }
    if (clock !== undefined) at = writeText(memory, at, `,"clock":"${clock}"`)
    if (recording !== undefined) at = writeText(memory, at, `,"recording":"${recording}"`)
    memory[at++] = BRACE
    this.end = at
    return this
  }

  /** The date is worked out once for all records of a second. */
  #writeTime(memory: Uint8Array, atUs: number): void {
    const second = Math.floor(atUs / US_PER_SECOND)
    if (second !== this.#second) writeText(memory, this.#timeAt, formatTime(atUs))
    this.#second = second
    let rest = atUs - second * US_PER_SECOND
    const first = this.#timeAt + FRACTION_AT
    for (let at = first + FRACTION_DIGITS - 1; at >= first; at--) {
      const tenth = Math.floor(rest / 10)
      memory[at] = ZERO + rest - 10 * tenth
      rest = tenth
    }
  }
}

const forms: (WhenForm | undefined)[] = []

/** Writes a `when`; what it returns lasts until the next of its kind is written. */
export function writeWhen(facts: WhenFacts): WrittenSection {
  const place = KINDS[facts.kind].code
  const known = forms[place]
  const form = known?.fits(facts) === true ? known : new WhenForm(facts)
  forms[place] = form
  return form.write(facts)
}

function writeUuid(into: Uint8Array, start: number, uuid: Uint8Array): void {
  let at = start
  for (let byte = 0; byte < 16; byte++) {
    if (byte === 4 || byte === 6 || byte === 8 || byte === 10) into[at++] = DASH
    const digits = 2 * (uuid[byte] ?? 0)
    into[at++] = DIGITS[digits] ?? 0
    into[at++] = DIGITS[digits + 1] ?? 0
  }
}

/** ASCII, by one call: a loop over strings of many origins looks up each character anew. */
function writeText(into: Uint8Array, start: number, text: string): number {
  writeLatin1(into, start, text, text.length)
  return start + text.length
}

/** At most 16 digits. */
function writeInteger(into: Uint8Array, start: number, value: number): number {
  let digits = 1
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++
  let rest = value
  for (let at = start + digits - 1; at >= start; at--) {
    const tenth = Math.floor(rest / 10)
    into[at] = ZERO + rest - 10 * tenth
    rest = tenth
  }
  return start + digits
}

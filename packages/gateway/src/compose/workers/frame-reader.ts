import {
  FORM_AT,
  FORMS,
  HEAD_BYTES,
  LENGTH_AT,
  NO_TEXT,
  NUMBER_BYTES,
  NUMBERS_AT,
  numbersIn,
  TEXT_AT,
} from './frame-writer.ts'

const FIRST_BYTES = 65_536

/** What came over a channel makes no sense. */
export class GarbledError extends Error {
  override readonly name = 'GarbledError'
}

/** The rows of a frame, read one number and one text after the other. */
export class FrameRows {
  #numbers: Float64Array = new Float64Array()
  #at = 0
  #end = 0
  #text = ''
  #textAt = 0

  begin(numbers: Float64Array, place: { readonly from: number; readonly to: number }): void {
    this.#numbers = numbers
    this.#at = place.from
    this.#end = place.to
  }

  /** All texts, as one. */
  give(text: string): void {
    this.#text = text
    this.#textAt = 0
  }

  get isOver(): boolean {
    return this.#at === this.#end
  }

  number(): number {
    if (this.#at === this.#end) throw new GarbledError('a row ends too soon')
    return this.#numbers[this.#at++] as number
  }

  /** Of as many as there are yet numbers for at most. */
  count(): number {
    const count = this.number()
    if (Number.isInteger(count) && count >= 0 && count <= this.#end - this.#at) return count
    throw new GarbledError(`a row has ${count} of something`)
  }

  text(): string {
    const text = this.optionalText()
    if (text === undefined) throw new GarbledError('a text is missing')
    return text
  }

  /** One that is kept for longer than the frame. */
  keptText(): string {
    return copied(this.text())
  }

  optionalText(): string | undefined {
    const length = this.number()
    if (length === NO_TEXT) return undefined
    const from = this.#textAt
    if (!Number.isInteger(length) || length < 0 || length > this.#text.length - from) {
      throw new GarbledError(`a text has ${length} characters`)
    }
    this.#textAt = from + length
    return this.#text.slice(from, from + length)
  }
}

/** The runtime copies what is cut out of a text if it is that short. */
const COPIED_CHARACTERS = 12

/** A part of a text keeps alive all of it: what lasts is put together of parts that were copied. */
export function copied(text: string): string {
  let copy = ''
  for (let at = 0; at < text.length; at += COPIED_CHARACTERS) {
    copy += text.slice(at, at + COPIED_CHARACTERS)
  }
  return copy
}

export interface FrameTaker {
  /** Reads all rows that there are. */
  rows(rows: FrameRows): void
  /** `bytes` last until it returns. */
  value(bytes: Uint8Array): void
}

/** Takes bytes as they come, and gives frames in their order. Throws where there is none. */
export class FrameReader {
  readonly #taker: FrameTaker
  readonly #frameBytesMax: number
  readonly #rows = new FrameRows()
  #memory = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #numbers = numbersIn(this.#memory)
  #length = 0

  constructor(taker: FrameTaker, { frameBytesMax }: { readonly frameBytesMax: number }) {
    this.#taker = taker
    this.#frameBytesMax = frameBytesMax
  }

  /** Copies `bytes`, which may end anywhere. */
  push(bytes: Uint8Array): void {
    this.#add(bytes)
    let at = 0
    while (this.#length - at >= HEAD_BYTES) {
      const end = at + this.#lengthAt(at)
      if (end > this.#length) break
      this.#take(at, end)
      at = end
    }
    if (at === 0) return
    this.#memory.copyWithin(0, at, this.#length)
    this.#length -= at
  }

  /** Grows with what has come, not with what is said to come. */
  #add(bytes: Uint8Array): void {
    const length = this.#length + bytes.length
    if (length > this.#memory.length) {
      const grown = Buffer.allocUnsafeSlow(Math.ceil((2 * length) / FIRST_BYTES) * FIRST_BYTES)
      this.#memory.copy(grown, 0, 0, this.#length)
      this.#memory = grown
      this.#numbers = numbersIn(grown)
    }
    this.#memory.set(bytes, this.#length)
    this.#length = length
  }

  #headAt(at: number, place: number): number {
    return this.#numbers[at / NUMBER_BYTES + place] as number
  }

  #lengthAt(at: number): number {
    const length = this.#headAt(at, LENGTH_AT)
    const isWhole = Number.isInteger(length / NUMBER_BYTES)
    if (isWhole && length >= HEAD_BYTES && length <= this.#frameBytesMax) return length
    throw new GarbledError(`a frame has ${length} bytes, at most ${this.#frameBytesMax} are taken`)
  }

  #take(at: number, end: number): void {
    const count = this.#headAt(at, NUMBERS_AT)
    const bytes = this.#headAt(at, TEXT_AT)
    const form = this.#headAt(at, FORM_AT)
    const numbersAt = at + HEAD_BYTES
    const textAt = numbersAt + count * NUMBER_BYTES
    const isWhole = Number.isInteger(count) && Number.isInteger(bytes)
    if (!isWhole || count < 0 || bytes < 0 || textAt + bytes > end) {
      throw new GarbledError(`a frame of ${end - at} bytes has ${count} numbers, ${bytes} of text`)
    }
    if (form === FORMS.value) {
      this.#taker.value(this.#memory.subarray(textAt, textAt + bytes))
      return
    }
    const from = numbersAt / NUMBER_BYTES
    this.#rows.begin(this.#numbers, { from, to: from + count })
    const encoding = form === FORMS.latin1 ? 'latin1' : 'utf8'
    this.#rows.give(this.#memory.toString(encoding, textAt, textAt + bytes))
    this.#taker.rows(this.#rows)
  }
}

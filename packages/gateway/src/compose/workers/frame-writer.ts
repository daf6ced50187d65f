/** What stands before the numbers of a frame, each a double: an index of a log has 53 bits. */
export const HEAD_NUMBERS = 4
export const NUMBER_BYTES = 8
export const HEAD_BYTES = HEAD_NUMBERS * NUMBER_BYTES
/** Where in the head it says how long the frame is, and what of it are numbers and what is text. */
export const [LENGTH_AT, NUMBERS_AT, TEXT_AT, FORM_AT] = [0, 1, 2, 3]

/** What follows the numbers. */
export const FORMS = { latin1: 0, utf8: 1, value: 2 } as const

/** A text that is not there. */
export const NO_TEXT = -1

const FIRST_BYTES = 65_536
/** Of a character, in UTF-8. */
const CHARACTER_BYTES_MAX = 3

/**
 * Rows of a turn as one piece of memory: all numbers, then all texts as one text. One call into the
 * runtime encodes them, where each text on its own would take one, at both ends.
 */
export class FrameWriter {
  readonly #form: 'latin1' | 'utf8'
  #memory = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #numbers = numbersIn(this.#memory)
  #count = HEAD_NUMBERS
  #text = ''

  /** `latin1`: of texts none of whose characters takes more than a byte. */
  constructor(form: 'latin1' | 'utf8') {
    this.#form = form
  }

  get isEmpty(): boolean {
    return this.#count === HEAD_NUMBERS
  }

  /** So far, about. */
  get length(): number {
    return this.#count * NUMBER_BYTES + this.#text.length
  }

  number(value: number): void {
    if (this.#count === this.#numbers.length) this.#grow(2 * this.#memory.length)
    this.#numbers[this.#count++] = value
  }

  text(text: string | undefined): void {
    this.number(text === undefined ? NO_TEXT : text.length)
    if (text !== undefined) this.#text += text
  }

  /** The frame, which lasts until the next row is written; the next one is empty. */
  finish(): Uint8Array {
    const text = this.#text
    const start = this.#count * NUMBER_BYTES
    this.#grow(start + text.length * CHARACTER_BYTES_MAX + NUMBER_BYTES)
    const bytes = this.#memory.write(text, start, this.#form)
    // As many bytes as characters: none but ASCII, which is read faster as what it is too.
    const form = bytes === text.length ? FORMS.latin1 : FORMS.utf8
    const length = Math.ceil((start + bytes) / NUMBER_BYTES) * NUMBER_BYTES
    writeHead(this.#numbers, { length, numbers: this.#count - HEAD_NUMBERS, text: bytes, form })
    this.#count = HEAD_NUMBERS
    this.#text = ''
    return this.#memory.subarray(0, length)
  }

  /** The last frame is still to be read where it is: what follows is written elsewhere. */
  leaveMemory(): void {
    this.#memory = Buffer.allocUnsafeSlow(FIRST_BYTES)
    this.#numbers = numbersIn(this.#memory)
  }

  #grow(bytes: number): void {
    if (bytes <= this.#memory.length) return
    const grown = Buffer.allocUnsafeSlow(Math.ceil(bytes / FIRST_BYTES) * FIRST_BYTES)
    this.#memory.copy(grown, 0, 0, this.#count * NUMBER_BYTES)
    this.#memory = grown
    this.#numbers = numbersIn(grown)
  }
}

/** A frame of one value, already bytes. */
export function valueFrame(value: Uint8Array): Uint8Array {
  const length = Math.ceil((HEAD_BYTES + value.length) / NUMBER_BYTES) * NUMBER_BYTES
  const frame = Buffer.alloc(length)
  frame.set(value, HEAD_BYTES)
  writeHead(numbersIn(frame), { length, numbers: 0, text: value.length, form: FORMS.value })
  return frame
}

function writeHead(
  into: Float64Array,
  head: {
    readonly length: number
    readonly numbers: number
    readonly text: number
    readonly form: number
  },
): void {
  into[LENGTH_AT] = head.length
  into[NUMBERS_AT] = head.numbers
  into[TEXT_AT] = head.text
  into[FORM_AT] = head.form
}

/** Memory of its own, which begins and ends where a number may. */
export function numbersIn({ buffer, byteOffset, length }: Uint8Array): Float64Array {
  return new Float64Array(buffer, byteOffset, length / NUMBER_BYTES)
}

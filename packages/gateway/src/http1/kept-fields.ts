import { type Fields, formatFields } from './fields.ts'

/** Fields that are sent again and again: their lines are made once. */
export class KeptFields {
  readonly fields: Fields
  #lines: string | undefined
  #isOnePiece = false
  #isDated: boolean | undefined

  constructor(fields: Fields) {
    this.fields = fields
  }

  /** As they are sent, in Latin-1; undefined where one would end early. */
  get lines(): string | undefined {
    if (this.#lines === undefined) this.#lines = formatFields(this.fields)
    else if (!this.#isOnePiece) {
      // As it was put together, each part would be looked for in memory at every use.
      this.#lines = Buffer.from(this.#lines, 'latin1').toString('latin1')
      this.#isOnePiece = true
    }
    return this.#lines
  }

  /** One of them is `Date`. */
  get isDated(): boolean {
    this.#isDated ??= this.fields.some(([name]) => name.toLowerCase() === 'date')
    return this.#isDated
  }
}

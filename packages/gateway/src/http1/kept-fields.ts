import { type Fields, formatFields } from './fields.ts'

/** Fields that are sent again and again: their lines are made once. */
export class KeptFields {
  readonly fields: Fields
  #lines: string | undefined
  #isDated: boolean | undefined

  constructor(fields: Fields) {
    this.fields = fields
  }

  /** As they are sent, in Latin-1; undefined where one would end early. */
  get lines(): string | undefined {
    this.#lines ??= formatFields(this.fields)
    return this.#lines
  }

  /** One of them is `Date`. */
  get isDated(): boolean {
    this.#isDated ??= this.fields.some(([name]) => name.toLowerCase() === 'date')
    return this.#isDated
  }
}

import { withoutReferences } from '../character-references.ts'

/** An escape in an escape in an escape is looked through, and no deeper. */
const DECODINGS_MAX = 3

/** Percent-encoding, and the escapes of JSON and scripts. */
const ESCAPE = /%([0-9a-f]{2})|\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(["'\\/]))/gi

/** Finds texts that are secret in what somebody else says, also where it is written otherwise. */
export class SaidAgain {
  readonly #plain: readonly string[]
  /** In base64 with `+` and `/`, wherever in a longer text they begin. */
  readonly #base64: readonly string[]
  readonly #lengthMin: number

  constructor(secrets: readonly string[]) {
    const inForms = secrets.map((secret) => secret.replaceAll(' ', '+'))
    this.#plain = [...new Set([...secrets, ...inForms])]
    const cores = secrets.flatMap((secret) => [0, 1, 2].map(coreOf(secret)))
    // Of a single byte in the middle of a text no character is its own.
    this.#base64 = [...new Set(cores.filter((core) => core !== ''))]
    this.#lengthMin = Math.min(...[...this.#plain, ...this.#base64].map(({ length }) => length))
  }

  isIn(text: string): boolean {
    // No escape is shorter than what it stands for.
    if (text.length < this.#lengthMin) return false
    let read = text
    for (let depth = 0; ; depth += 1) {
      if (this.#isPlainIn(read)) return true
      if (depth === DECODINGS_MAX || !/[%\\&]/.test(read)) return false
      const next = withoutReferences(read).replace(ESCAPE, decoded)
      if (next === read) return false
      read = next
    }
  }

  #isPlainIn(text: string): boolean {
    if (this.#plain.some((form) => text.includes(form))) return true
    const usual = /[-_]/.test(text) ? text.replaceAll('-', '+').replaceAll('_', '/') : text
    return this.#base64.some((form) => usual.includes(form))
  }
}

/** What base64 makes of a text that begins so many bytes into it, whatever stands around it. */
function coreOf(secret: string): (offset: number) => string {
  return (offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)])
    const whole = Math.floor((bytes.length * 8) / 6)
    return bytes.toString('base64').slice(Math.ceil((offset * 8) / 6), whole)
  }
}

function decoded(_: string, ...groups: readonly (string | undefined)[]): string {
  const [percent, unicode, hex, plain] = groups
  return plain ?? String.fromCharCode(Number.parseInt(percent ?? unicode ?? hex ?? '', 16))
}

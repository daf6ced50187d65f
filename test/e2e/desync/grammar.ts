// Requests that are valid, nearly valid, and made to be read in two ways; a seed makes them again.
import {
  BAD_METHODS,
  BYTES,
  CODING_NAMES,
  CODINGS,
  DATA_ENDS,
  GAPS,
  HOSTS,
  LAST_CHUNKS,
  LENGTH_NAMES,
  LENGTHS,
  LINES,
  METHODS,
  PATHS,
  SIZES,
  TARGETS,
  TRAILERS,
  VERSIONS,
} from './pieces.ts'
import { Dice } from './random.ts'

/** What is sent on one connection. */
export interface Plan {
  readonly nth: number
  readonly bytes: string
  /** Where the bytes are cut into writes. */
  readonly cuts: readonly number[]
  /** How the client leaves when it has sent them: it waits, or ends, or breaks off. */
  readonly leaves: 'after the answers' | 'half closed' | 'at once'
  /** Where the requests that are no markers begin. */
  readonly cases: readonly number[]
}

export interface Credentials {
  readonly ada: string
  readonly ben: string
}

/** Path prefixes of the upstreams. */
export const PREFIXES = ['n', 'x', 'p'] as const

/** A case, a marker, and perhaps more of both, on one connection. */
export function planOf(seed: number, nth: number, credentials: Credentials): Plan {
  const dice = new Dice(seed, nth)
  const maker = new Maker(dice, credentials)
  const cases: number[] = []
  let bytes = ''
  const count = 1 + dice.below(4)
  for (let each = 0; each < count; each += 1) {
    cases.push(bytes.length)
    bytes += maker.request()
    bytes += maker.marker(`${nth}.${each}`)
  }
  const isEarly = dice.chance(0.04)
  if (isEarly) bytes = bytes.slice(0, 1 + dice.below(bytes.length - 1))
  const leaves = isEarly ? dice.of(['half closed', 'at once'] as const) : 'after the answers'
  const cuts = dice.chance(0.3)
    ? Array.from({ length: 1 + dice.below(5) }, () => 1 + dice.below(bytes.length)).toSorted(
        (a, b) => a - b,
      )
    : []
  return { nth, bytes, cuts, leaves, cases: cases.filter((at) => at < bytes.length) }
}

const CRLF = '\r\n'

/** The pieces of a request, each of which can be replaced by a worse one. */
interface Pieces {
  method: string
  target: string
  version: string
  gaps: [string, string]
  host: string
  lines: string[]
  framing: string[]
  body: string
}

class Maker {
  readonly #dice: Dice
  readonly #credentials: Credentials

  constructor(dice: Dice, credentials: Credentials) {
    this.#dice = dice
    this.#credentials = credentials
  }

  /** A plain request whose answer shows that nothing before it was taken for a part of it. */
  marker(name: string): string {
    const target = `/${this.#dice.of(PREFIXES)}/marker/${name}`
    return `GET ${target} HTTP/1.1\r\nHost: marker\r\n${this.#key()}\r\n\r\n`
  }

  request(): string {
    const dice = this.#dice
    const pieces = this.#valid()
    const kind = dice.next()
    if (kind < 0.3) return joined(pieces)
    if (kind < 0.5) return this.#mutated(joined(pieces))
    const times = kind < 0.85 ? 1 : 2 + dice.below(2)
    for (let nth = 0; nth < times; nth += 1) this.#worsen(pieces)
    return dice.chance(0.1) ? this.#mutated(joined(pieces)) : joined(pieces)
  }

  #valid(): Pieces {
    const dice = this.#dice
    const pieces: Pieces = {
      method: dice.of(METHODS),
      target: `/${dice.of(PREFIXES)}/a${dice.of(['', '', '', '/b', '?c=d', '/%41', '/e?f'])}`,
      version: 'HTTP/1.1',
      gaps: [' ', ' '],
      host: dice.of(['Host: x', 'Host: x', 'Host: Example.COM', 'Host: x:80', 'Host: x.']),
      lines: [this.#key()],
      framing: [],
      body: '',
    }
    const framing = dice.next()
    if (framing < 0.3) this.#withLength(pieces)
    else if (framing < 0.6) this.#withChunks(pieces)
    const more = dice.below(3)
    for (let nth = 0; nth < more; nth += 1) pieces.lines.push(dice.of(LINES.slice(0, 12)))
    return pieces
  }

  #key(): string {
    const { ada, ben } = this.#credentials
    return `Authorization: Bearer ${this.#dice.chance(0.8) ? ada : ben}`
  }

  #data(): string {
    const dice = this.#dice
    const kind = dice.next()
    if (kind < 0.4) return 'abcd'.slice(0, 1 + dice.below(4))
    if (kind < 0.7)
      return `GET /${dice.of(PREFIXES)}/smuggled HTTP/1.1\r\nHost: x\r\n${this.#key()}\r\n\r\n`
    if (kind < 0.8) return '0\r\n\r\n'
    const length = dice.below(kind < 0.97 ? 200 : 20_000)
    return Array.from({ length: Math.min(length, 64) }, () => {
      return String.fromCharCode(dice.below(256))
    })
      .join('')
      .padEnd(length, 'z')
  }

  #withLength(pieces: Pieces): void {
    pieces.body = this.#data()
    pieces.framing = [`Content-Length: ${pieces.body.length}`]
  }

  #withChunks(pieces: Pieces, spoil?: (chunk: string, nth: number) => string): void {
    const dice = this.#dice
    pieces.framing = [`Transfer-Encoding: ${dice.chance(0.9) ? 'chunked' : 'Chunked'}`]
    const chunks = Array.from({ length: dice.below(4) }, () => this.#data()).filter(
      (each) => each !== '',
    )
    const written = chunks.map((data, nth) => {
      const size = data.length.toString(16)
      const extension = dice.chance(0.15) ? dice.of([';a=b', ';a', ';a="b"']) : ''
      const chunk = `${dice.chance(0.1) ? `0${size}` : size}${extension}\r\n${data}\r\n`
      return spoil?.(chunk, nth) ?? chunk
    })
    const trailers = dice.chance(0.1) ? `${dice.of(TRAILERS.slice(0, 6))}\r\n` : ''
    pieces.body = `${written.join('')}${dice.chance(0.1) ? '000' : '0'}\r\n${trailers}\r\n`
  }

  /** One piece for one that a careless reader takes otherwise. */
  #worsen(pieces: Pieces): void {
    const dice = this.#dice
    const kind = dice.below(19)
    if (kind < 4) this.#worsenTarget(pieces)
    else if (kind < 10) this.#worsenFraming(pieces)
    else if (kind < 12) this.#spoilChunk(pieces)
    else if (kind === 12) this.#spoilEnd(pieces)
    else if (kind === 13) pieces.body = this.#data()
    else if (kind === 14) pieces.lines = pieces.lines.slice(1)
    else if (kind === 15) pieces.host = dice.of(HOSTS)
    else if (kind === 16) this.#worsenLine(pieces)
    else if (kind === 17) pieces.lines.push(dice.of(LINES))
    else pieces.lines.unshift(dice.of(LINES))
  }

  #worsenLine(pieces: Pieces): void {
    const dice = this.#dice
    const kind = dice.below(3)
    if (kind === 0) pieces.method = dice.of(BAD_METHODS)
    else if (kind === 1) pieces.version = dice.of(VERSIONS)
    else pieces.gaps[dice.below(2)] = dice.of(GAPS)
  }

  #worsenTarget(pieces: Pieces): void {
    const dice = this.#dice
    const isPath = dice.chance(0.7)
    pieces.target = isPath ? `/${dice.of(PREFIXES)}${dice.of(PATHS)}` : dice.of(TARGETS)
  }

  #worsenFraming(pieces: Pieces): void {
    const dice = this.#dice
    const { framing, body } = pieces
    const kind = dice.below(6)
    if (kind === 0) framing.push(`${dice.of(LENGTH_NAMES.slice(0, 2))}: ${dice.of(LENGTHS)}`)
    else if (kind === 1) pieces.framing = [`Content-Length: ${dice.of(LENGTHS)}`]
    else if (kind === 2) pieces.framing = [`${dice.of(LENGTH_NAMES)}: ${body.length}`]
    else if (kind === 3) framing.unshift(`${dice.of(CODING_NAMES)}: ${dice.of(CODINGS)}`)
    else if (kind === 4) pieces.framing = [`Transfer-Encoding: ${dice.of(CODINGS)}`]
    else framing.push(dice.of(framing.length > 0 ? framing : ['Content-Length: 0']))
  }

  #spoilChunk(pieces: Pieces): void {
    const dice = this.#dice
    const at = dice.below(2)
    const isSize = dice.chance(0.6)
    this.#withChunks(pieces, (chunk, nth) => {
      if (nth !== at) return chunk
      const line = chunk.indexOf(CRLF)
      if (isSize) return `${dice.of(SIZES)}${chunk.slice(line)}`
      return `${chunk.slice(0, -2)}${dice.of(DATA_ENDS)}`
    })
  }

  #spoilEnd(pieces: Pieces): void {
    const dice = this.#dice
    this.#withChunks(pieces)
    const end = pieces.body.lastIndexOf('0\r\n')
    const trailer = dice.chance(0.6) ? `${dice.of(TRAILERS)}\r\n` : ''
    pieces.body = `${pieces.body.slice(0, Math.max(end, 0))}${dice.of(LAST_CHUNKS)}${trailer}\r\n`
  }

  /** Bytes deleted, doubled, replaced or put between. */
  #mutated(text: string): string {
    const dice = this.#dice
    let bytes = text
    const times = 1 + dice.below(3)
    for (let nth = 0; nth < times; nth += 1) {
      // Most of it where framing is said, not in a key.
      const at = dice.below(Math.max(1, bytes.length))
      const end = at + 1 + dice.below(4)
      const kind = dice.below(4)
      if (kind === 0) bytes = bytes.slice(0, at) + bytes.slice(end)
      else if (kind === 1) bytes = bytes.slice(0, end) + bytes.slice(at)
      else if (kind === 2) bytes = bytes.slice(0, at) + dice.of(BYTES) + bytes.slice(at)
      else bytes = bytes.slice(0, at) + dice.of(BYTES) + bytes.slice(at + 1)
    }
    return bytes
  }
}

function joined({ method, target, version, gaps, host, lines, framing, body }: Pieces): string {
  const line = `${method}${gaps[0]}${target}${gaps[1]}${version}`
  return [line, host, ...lines, ...framing, '', body].join(CRLF)
}

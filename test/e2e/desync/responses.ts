// An upstream on bare sockets whose answers are valid, nearly valid, or made to be read in two
// ways. Every byte that it says of request `n` holds the tag of `n` or no tag at all.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { Dice } from './random.ts'

export interface MadeResponse {
  readonly bytes: string
  /** Whether the upstream ends the connection behind it, and how. */
  readonly ending: 'nothing' | 'end' | 'reset'
}

const STATUS_LINES = [
  'HTTP/1.1 200 OK',
  'HTTP/1.1 200',
  'HTTP/1.0 200 OK',
  'HTTP/1.1  200 OK',
  'HTTP/2.0 200 OK',
  'HTTP/1.1 2000 OK',
  'HTTP/1.1 099 OK',
  'HTTP/1.1 204 No',
  'HTTP/1.1 304 Not',
  'HTTP/1.1 101 Switching',
  'HTTP/1.1 100 Continue',
  'HTTP/1.1 999 X',
  'HTTP/1.1 200 O\x00K',
  'http/1.1 200 OK',
  'ICY 200 OK',
  ' HTTP/1.1 200 OK',
  '',
]
const FIELDS = [
  'X-A: 1',
  'X-A: a\x00b',
  'X-A: a\rb',
  'X-A: a\nb',
  'nonsense',
  ': 1',
  'X A: 1',
  'X-A : 1',
  'X-A: 1\r\n folded',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: Content-Length',
  'Keep-Alive: timeout=1',
  'Set-Cookie: a=1\r\nSet-Cookie: b=2',
  'Countersign-Receipt: forged',
  'Upgrade: h2c',
  'Trailer: X-T',
  'X-\xe9: 1',
  'X-A: \xff',
  `X-Long: ${'l'.repeat(70_000)}`,
]
const CODINGS = [
  'chunked',
  'Chunked',
  'chunked, chunked',
  'chunked, gzip',
  'gzip',
  'gzip, chunked',
  'identity',
  'xchunked',
  ' chunked',
  'chunked\x0b',
  'chunked\xa0',
  ',chunked',
]
const LENGTHS = ['+5', '-5', '0x5', '5, 5', '5,6', '', '5 5', '05', '99999999999999999999', '5\x00']
const SIZES = ['0x5', '+5', '-5', ' 5', '5 ', '', 'g', '5;a\nb', 'fffffffffffffffff', '05', '5;a=b']

/** What the upstream says of request `nth`. */
export function madeResponse(seed: number, nth: number): MadeResponse {
  const dice = new Dice(seed, nth)
  const tag = tagOf(nth)
  const body = `${tag}${'.'.repeat(dice.below(60))}`
  const poison = `HTTP/1.1 200 OK\r\nContent-Length: ${tag.length}\r\n\r\n${tag}`
  const lines = [dice.chance(0.8) ? 'HTTP/1.1 200 OK' : dice.of(STATUS_LINES)]
  const count = dice.below(3)
  for (let each = 0; each < count; each += 1) {
    lines.push(dice.chance(0.5) ? `X-${each}: ${tag}` : dice.of(FIELDS))
  }
  const { fields, framed } = framing(dice, body)
  const interims = dice.chance(0.1)
    ? 'HTTP/1.1 103 Early\r\nLink: a\r\n\r\n'.repeat(1 + dice.below(30))
    : ''
  const head = `${interims}${[...lines, ...fields].join('\r\n')}\r\n\r\n`
  const behind = dice.chance(0.15) ? dice.of([poison, '\r\n', 'x', `${poison}${poison}`]) : ''
  let bytes = `${head}${framed}${behind}`
  if (dice.chance(0.1)) bytes = bytes.slice(0, dice.below(bytes.length))
  const ending = dice.chance(0.75) ? 'nothing' : dice.of(['end', 'end', 'reset'] as const)
  return { bytes, ending }
}

export function tagOf(nth: number): string {
  return `<${nth}>`
}

function framing(
  dice: Dice,
  body: string,
): { readonly fields: readonly string[]; readonly framed: string } {
  const kind = dice.next()
  const length = `Content-Length: ${body.length}`
  if (kind < 0.35) return { fields: [length], framed: body }
  if (kind < 0.6) return { fields: ['Transfer-Encoding: chunked'], framed: chunked(dice, body) }
  if (kind < 0.65) return { fields: [], framed: body }
  if (kind < 0.72) return { fields: [`Content-Length: ${body.length - 1}`], framed: body }
  if (kind < 0.76) return { fields: [`Content-Length: ${body.length + 1}`], framed: body }
  if (kind < 0.82) return { fields: [`Content-Length: ${dice.of(LENGTHS)}`], framed: body }
  if (kind < 0.86) return { fields: [length, dice.of([length, 'Content-Length: 3'])], framed: body }
  const coding = `Transfer-Encoding: ${dice.of(CODINGS)}`
  return { fields: kind < 0.93 ? [coding] : [coding, length], framed: chunked(dice, body) }
}

function chunked(dice: Dice, body: string): string {
  const at = 1 + dice.below(body.length)
  const chunks = [body.slice(0, at), body.slice(at)].filter((each) => each !== '')
  const size = (data: string): string =>
    dice.chance(0.1) ? dice.of(SIZES) : data.length.toString(16)
  const end = (): string => (dice.chance(0.08) ? dice.of(['\n', '', 'XX']) : '\r\n')
  const written = chunks.map((data) => `${size(data)}\r\n${data}${end()}`).join('')
  const last = dice.chance(0.1)
    ? dice.of(['', '0\n\n', '0\r\n', '0\r\nX-T: 1\r\n\r\n', '00\r\n\r\n'])
    : ''
  return `${written}${last === '' ? '0\r\n\r\n' : last}`
}

export interface NastyUpstream {
  readonly url: string
  /** How often it was asked for each. */
  readonly asked: ReadonlyMap<number, number>
  close(): Promise<void>
}

/** Answers `/r/<n>` as `madeResponse` says. */
export async function startNastyUpstream(seed: number): Promise<NastyUpstream> {
  const asked = new Map<number, number>()
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    let text = ''
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (!text.includes('\r\n\r\n')) return
      const nth = Number(/^\S+ \/r\/(\d+) /.exec(text)?.[1])
      asked.set(nth, (asked.get(nth) ?? 0) + 1)
      text = ''
      const { bytes, ending } = madeResponse(seed, nth)
      socket.write(bytes, 'latin1')
      if (ending === 'end') socket.end()
      if (ending === 'reset') setImmediate(() => socket.resetAndDestroy())
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

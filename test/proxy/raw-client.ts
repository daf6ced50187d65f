// A client that sends bytes as they are, and reads whatever comes back.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Chunks joined; what was not whole is `truncated`. */
  readonly body: string
  readonly trailers: Readonly<Record<string, string>>
  readonly truncated: boolean
  /** What followed on the connection. */
  readonly rest: string
}

export interface RawOptions {
  /** Bytes to send one after the other, each after a pause. */
  readonly parts?: readonly string[]
  /** What is waited for before the first of them. */
  readonly beforeParts?: () => Promise<unknown>
  /** Whether what has come is all that is waited for; one whole response when not given. */
  readonly isAll?: (text: string) => boolean
}

const WAIT_MS_MAX = 60_000

/** Sends `bytes` and reads until the connection ends, or all that is waited for has come. */
export async function sendRaw(
  port: number,
  bytes: string,
  { parts = [], beforeParts, isAll = isWhole }: RawOptions = {},
): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    if (isAll(Buffer.concat(chunks).toString('latin1'))) resolve()
  })
  socket.on('error', () => undefined)
  socket.on('close', () => resolve())
  const timer = setTimeout(resolve, WAIT_MS_MAX)
  socket.write(bytes, 'latin1')
  await beforeParts?.()
  for (const part of parts) {
    await sleep(30)
    socket.write(part, 'latin1')
  }
  await promise
  clearTimeout(timer)
  socket.destroy()
  return Buffer.concat(chunks).toString('latin1')
}

/** Of a connection that is said to end with the response, the end is waited for. */
function isWhole(text: string): boolean {
  if (!text.includes('\r\n\r\n')) return false
  const { status, headers, truncated } = readAnswer(text)
  return status >= 200 && !truncated && headers.connection !== 'close'
}

/** The first response in `text`. */
export function readAnswer(text: string): Answer {
  const headEnd = text.indexOf('\r\n\r\n')
  const [start = '', ...lines] = text.slice(0, headEnd).split('\r\n')
  const headers = readFields(lines)
  const after = text.slice(headEnd + 4)
  const answer = { status: Number(start.split(' ')[1]), headers }
  if (headers['transfer-encoding'] === 'chunked') return { ...answer, ...readChunks(after) }
  const length = Number(headers['content-length'] ?? 0)
  return {
    ...answer,
    body: after.slice(0, length),
    trailers: {},
    truncated: after.length < length,
    rest: after.slice(length),
  }
}

function readChunks(text: string): Omit<Answer, 'status' | 'headers'> {
  let [body, at] = ['', 0]
  for (;;) {
    const line = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, line), 16)
    if (line === -1 || Number.isNaN(size)) return { body, trailers: {}, truncated: true, rest: '' }
    if (size === 0) {
      const end = text.indexOf('\r\n\r\n', at)
      const trailers = readFields(text.slice(line + 2, Math.max(end, line + 2)).split('\r\n'))
      return { body, trailers, truncated: end === -1, rest: text.slice(end + 4) }
    }
    body += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
  }
}

function readFields(lines: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const line of lines.filter((each) => each.includes(':'))) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase()
    const value = line.slice(line.indexOf(':') + 1).trim()
    fields[name] = name in fields ? `${fields[name]}, ${value}` : value
  }
  return fields
}

import { connect } from 'node:net'

export interface Flood {
  readonly port: number
  readonly total: number
  /** Each sends its share, so many requests ahead of their answers. */
  readonly connections: number
  /** One whole request; the connection stays. */
  readonly request: (nth: number) => string
  /** Addresses of 127.0.0.0/8 that connections come from; one after the other. */
  readonly from?: readonly string[]
  readonly onAnswer?: (status: number) => void
}

const AHEAD = 50
const STATUS_CHARACTERS = 'HTTP/1.1 200'.length

/** Sends a flood; how often each status was answered. What was cut off is counted as 0. */
export async function flood(of: Flood): Promise<ReadonlyMap<number, number>> {
  const counts = new Map<number, number>()
  const share = Math.ceil(of.total / of.connections)
  const sizes = Array.from({ length: of.connections }, (_, nth) => {
    return Math.min(share, of.total - nth * share)
  })
  await Promise.all(sizes.map((size, nth) => oneConnection(of, { nth, size, counts })))
  return counts
}

async function oneConnection(
  { port, request, from = ['127.0.0.1'], onAnswer }: Flood,
  of: { readonly nth: number; readonly size: number; readonly counts: Map<number, number> },
): Promise<void> {
  const { nth, size, counts } = of
  const localAddress = from[nth % from.length] ?? '127.0.0.1'
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  const { promise, resolve } = Promise.withResolvers<void>()
  let [sent, answered, rest] = [0, 0, '']
  const sendMore = (): void => {
    const more = Math.min(size, answered + AHEAD) - sent
    if (more <= 0) return
    socket.write(Array.from({ length: more }, (_, at) => request(sent + at)).join(''))
    sent += more
  }
  socket.on('connect', sendMore)
  socket.on('error', () => undefined)
  socket.on('close', () => {
    if (size > answered) counts.set(0, (counts.get(0) ?? 0) + size - answered)
    resolve()
  })
  socket.on('data', (chunk: Buffer) => {
    const text = rest + chunk.toString('latin1')
    let end = 0
    for (const found of text.matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
      answered += 1
      counts.set(Number(found[1]), (counts.get(Number(found[1])) ?? 0) + 1)
      onAnswer?.(Number(found[1]))
      end = found.index + found[0].length
    }
    // A status line may be cut between two chunks.
    rest = text.slice(Math.max(end, text.length - STATUS_CHARACTERS))
    if (answered >= size) socket.end()
    else sendMore()
  })
  await promise
}

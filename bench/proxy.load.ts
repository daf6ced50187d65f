// A load generator as a process of its own: keep-alive connections, one request at a time on each,
// bytes on raw sockets. It is told {port, head, connections, seconds} and says what it measured.
import { connect, type Socket } from 'node:net'

/** What is asked for. */
export interface Load {
  readonly port: number
  /** The whole request, as bytes in Latin-1. */
  readonly head: string
  readonly connections: number
  readonly seconds: number
}

export interface LoadResult {
  readonly requests: number
  readonly failed: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

process.once('message', (load: Load) => {
  void run(load).then((result) => process.send?.(result))
})

async function run({ port, head, connections, seconds }: Load): Promise<LoadResult> {
  const request = Buffer.from(head, 'latin1')
  const latenciesMs: number[] = []
  let failed = 0
  const start = performance.now()
  const until = start + seconds * 1000
  const loops = Array.from({ length: connections }, async () => {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    while (performance.now() < until) {
      const sentMs = performance.now()
      if ((await exchange(socket, request)) !== 200) failed += 1
      latenciesMs.push(performance.now() - sentMs)
    }
    socket.destroy()
  })
  await Promise.all(loops)
  latenciesMs.sort((one, other) => one - other)
  const at = (share: number): number => {
    return Math.round((latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0) * 1000) / 1000
  }
  return {
    requests: latenciesMs.length,
    failed,
    seconds: (performance.now() - start) / 1000,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  }
}

/** One request and its response, which says its length; resolves with the status. */
function exchange(socket: Socket, request: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = ''
    const take = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      const headEnd = text.indexOf('\r\n\r\n')
      if (headEnd === -1) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
      if (text.length < headEnd + 4 + length) return
      socket.off('data', take)
      socket.off('error', reject)
      resolve(Number(text.slice(9, 12)))
    }
    socket.on('data', take)
    socket.once('error', reject)
    socket.write(request)
  })
}

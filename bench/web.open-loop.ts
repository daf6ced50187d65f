// A load at a fixed rate, as a process of its own: a request is due at its time whether or not the
// earlier ones are answered, and its latency counts from then. Told {port, head, connections,
// perSecond, seconds}; says how late the answers were.
import { connect } from 'node:net'

/** What is asked for. */
export interface OpenLoad {
  readonly port: number
  /** The whole request, as bytes in Latin-1. */
  readonly head: string
  readonly connections: number
  readonly perSecond: number
  readonly seconds: number
}

export interface OpenLoadResult {
  readonly requests: number
  readonly failed: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Requests that are due and found no connection free; beyond this the load is not carried. */
const WAITING_MAX = 10_000

/** How late an answer is seen at most. */
const NAP_MS_MAX = 0.1

/** Nobody wakes whoever waits on it. */
const NEVER = new Int32Array(new SharedArrayBuffer(4))

process.once('message', (load: OpenLoad) => {
  void run(load).then((result) => process.send?.(result))
})

async function run(load: OpenLoad): Promise<OpenLoadResult> {
  const { perSecond, seconds, connections } = load
  const latenciesMs: number[] = []
  const due: number[] = []
  let failed = 0
  const clients = Array.from({ length: connections }, () =>
    openClient(load, (status, dueMs) => {
      latenciesMs.push(performance.now() - dueMs)
      if (status !== 200) failed += 1
      return due.shift()
    }),
  )
  await Promise.all(clients.map(({ connected }) => connected))
  const startMs = performance.now()
  const total = perSecond * seconds
  let sent = 0
  while (latenciesMs.length < total && due.length < WAITING_MAX) {
    const nowMs = performance.now()
    while (sent < total && startMs + (sent * 1000) / perSecond <= nowMs) {
      const dueMs = startMs + (sent * 1000) / perSecond
      sent += 1
      const free = clients.find((client) => client.isFree())
      if (free === undefined) due.push(dueMs)
      else free.send(dueMs)
    }
    nap(startMs + (sent * 1000) / perSecond - performance.now())
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const client of clients) client.close()
  latenciesMs.sort((one, other) => one - other)
  const at = (share: number): number =>
    Math.round((latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0) * 1000) / 1000
  const tookSeconds = (performance.now() - startMs) / 1000
  return {
    requests: latenciesMs.length,
    failed: failed + total - latenciesMs.length,
    perSecond: Math.round(latenciesMs.length / tookSeconds),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  }
}

/**
 * Sleeps until the next request is due, but not so long that answers wait to be seen: a timer of
 * Node's is a whole millisecond late, and a loop that never sleeps takes the core from the
 * upstream and from whatever the kernel does there for the disk.
 */
function nap(dueInMs: number): void {
  if (dueInMs > 0) Atomics.wait(NEVER, 0, 0, Math.min(dueInMs, NAP_MS_MAX))
}

interface Client {
  readonly connected: Promise<void>
  isFree(): boolean
  send(dueMs: number): void
  close(): void
}

/** `onAnswer` may return the time at which the next request was due. */
function openClient(
  { port, head }: OpenLoad,
  onAnswer: (status: number, dueMs: number) => number | undefined,
): Client {
  const request = Buffer.from(head, 'latin1')
  const socket = connect(port, '127.0.0.1')
  const { promise: connected, resolve, reject } = Promise.withResolvers<void>()
  socket.setNoDelay(true)
  socket.once('connect', resolve)
  socket.once('error', reject)
  let text = ''
  let busyWith: number | undefined
  const send = (dueMs: number): void => {
    busyWith = dueMs
    socket.write(request)
  }
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    const headEnd = text.indexOf('\r\n\r\n')
    if (headEnd === -1 || busyWith === undefined) return
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
    if (text.length < headEnd + 4 + length) return
    const status = Number(text.slice(9, 12))
    const dueMs = busyWith
    text = ''
    busyWith = undefined
    const next = onAnswer(status, dueMs)
    if (next !== undefined) send(next)
  })
  return {
    connected,
    isFree: () => busyWith === undefined,
    send,
    close: () => socket.destroy(),
  }
}

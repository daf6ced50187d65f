// A load at a fixed rate, as a process of its own: a request is due at its time whether or not the
// earlier ones are answered, and its latency counts from then. Told {port, head, connections,
// perSecond, seconds}; says how late the answers were. It reads into the same memory and keeps a
// number for each answer: pauses of its own would be taken for the subject's.
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
  readonly p90Ms: number
  readonly p99Ms: number
}

/** Requests that are due and found no connection free; beyond this the load is not carried. */
const WAITING_MAX = 10_000

/** How late an answer is seen at most. */
const NAP_MS_MAX = 0.1

/** What comes of an answer at once; the longest here has little more than a kilobyte. */
const ANSWER_BYTES_MAX = 65_536

/** Nobody wakes whoever waits on it. */
const NEVER = new Int32Array(new SharedArrayBuffer(4))

process.once('message', (load: OpenLoad) => {
  void run(load).then((result) => process.send?.(result))
})

async function run(load: OpenLoad): Promise<OpenLoadResult> {
  const { perSecond, seconds, connections } = load
  const total = perSecond * seconds
  const latenciesMs = new Float64Array(total)
  const free: Client[] = []
  let [sent, waiting, answered, failed] = [0, 0, 0, 0]
  let startMs = 0
  const dueMsOf = (request: number): number => startMs + (request * 1000) / perSecond
  const onAnswer = (client: Client, status: number): void => {
    latenciesMs[answered] = performance.now() - client.dueMs
    answered += 1
    if (status !== 200) failed += 1
    if (waiting === 0) free.push(client)
    else {
      client.send(dueMsOf(sent - waiting))
      waiting -= 1
    }
  }
  const clients = await Promise.all(
    Array.from({ length: connections }, () => openClient(load, onAnswer)),
  )
  free.push(...clients)
  startMs = performance.now()
  while (answered < total && waiting < WAITING_MAX) {
    const nowMs = performance.now()
    for (; sent < total && dueMsOf(sent) <= nowMs; sent += 1) {
      const client = free.pop()
      if (client === undefined) waiting += 1
      else client.send(dueMsOf(sent))
    }
    nap(dueMsOf(sent) - performance.now())
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const client of clients) client.close()
  const tookSeconds = (performance.now() - startMs) / 1000
  const sorted = latenciesMs.subarray(0, answered).sort()
  const at = (share: number): number =>
    Math.round((sorted[Math.floor(answered * share)] ?? 0) * 1000) / 1000
  return {
    requests: answered,
    failed: failed + total - answered,
    perSecond: Math.round(answered / tookSeconds),
    p50Ms: at(0.5),
    p90Ms: at(0.9),
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
  /** When what it waits for was due. */
  readonly dueMs: number
  send(dueMs: number): void
  close(): void
}

async function openClient(
  { port, head }: OpenLoad,
  onAnswer: (client: Client, status: number) => void,
): Promise<Client> {
  const request = Buffer.from(head, 'latin1')
  const memory = Buffer.alloc(ANSWER_BYTES_MAX)
  const { promise: connected, resolve, reject } = Promise.withResolvers<void>()
  let length = 0
  const socket = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: Buffer.alloc(ANSWER_BYTES_MAX),
      callback: (count, bytes) => {
        memory.set(bytes.subarray(0, count), length)
        length += count
        const text = memory.toString('latin1', 0, length)
        const headEnd = text.indexOf('\r\n\r\n')
        const bodyBytes = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
        if (headEnd !== -1 && length >= headEnd + 4 + bodyBytes) {
          length = 0
          onAnswer(client, Number(text.slice(9, 12)))
        }
        return true
      },
    },
  })
  const client = {
    dueMs: 0,
    send: (dueMs: number): void => {
      client.dueMs = dueMs
      socket.write(request)
    },
    close: () => void socket.destroy(),
  }
  socket.once('connect', resolve)
  socket.once('error', reject)
  await connected
  return client
}

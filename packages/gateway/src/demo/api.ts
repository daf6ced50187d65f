// The demo API: a process of its own, so that it can tell what really reached it. It takes a port,
// prints {"port"} or {"error"} as one line, and lives as long as its standard input stays open.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Answer, Orders } from './orders.ts'

/** Enough for the longest test; beyond it requests are still counted. */
const IDS_MAX = 1_000_000
const BODY_BYTES_MAX = 65_536

const orders = new Orders()
const ids: string[] = []
let count = 0

const server = createServer((request, response) => {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
  if (path === '/__received') {
    send(response, { status: 200, body: { count, ids } })
    return
  }
  // Counted before the body is read: what reached us in part has reached us.
  count += 1
  const id = request.headers['x-request-id']
  if (typeof id === 'string' && ids.length < IDS_MAX) ids.push(id)
  readBody(request)
    .then((body) => send(response, respond(request.method ?? 'GET', path, body)))
    .catch(() => response.destroy())
})

function respond(method: string, path: string, body: string | undefined): Answer {
  if (body !== undefined) return orders.answer({ method, path, body })
  return { status: 413, body: { error: `a body has at most ${BODY_BYTES_MAX} bytes` } }
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk)
  }
  return bytes <= BODY_BYTES_MAX ? Buffer.concat(chunks).toString('utf8') : undefined
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(body)}\n`)
}

// A terminal's Ctrl-C reaches the whole process group, but the gateway still drains into us. It
// closes our standard input when it is done, and so does the kernel when the gateway is killed.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)
process.stdin.resume().on('close', () => process.exit(0))

server.on('error', ({ message }) => {
  process.stdout.write(`${JSON.stringify({ error: message })}\n`)
  process.exitCode = 1
  process.stdin.destroy()
})
// A kept connection is not closed in the moment in which it is used again.
server.keepAliveTimeout = 120_000
server.listen(Number(process.argv[2]), '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ port })}\n`)
})

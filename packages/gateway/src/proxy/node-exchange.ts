import type { IncomingMessage, ServerResponse } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Inbound, Outbound, Peer, ResponseHead } from './exchange.ts'
import { pairFields } from './header-fields.ts'

/** What Node's HTTP server received, as it is. */
export function nodeInbound(
  request: IncomingMessage,
  response: ServerResponse,
  peer: Peer,
  isWaiting: boolean,
): Inbound {
  return {
    peer,
    method: request.method ?? '',
    target: request.url ?? '',
    version: request.httpVersion,
    fields: pairFields(request.rawHeaders),
    isWaiting,
    body: lazyIterator(request),
    invite: () => response.writeContinue(),
    trailers: () => pairFields(request.rawTrailers),
    isComplete: () => request.complete,
  }
}

/** A client that sends so many pieces in a row, none of them larger, sends them to cost us. */
const CRUMB_BYTES_MAX = 64
const CRUMBS_MAX = 32

/**
 * Touches the stream only when somebody reads: until then nothing flows. Crumbs are gathered over
 * a turn of the event loop, so that a body in chunks of one byte does not cost a write for each.
 */
function lazyIterator(request: IncomingMessage): AsyncIterator<Uint8Array> {
  let iterator: AsyncIterator<Uint8Array> | undefined
  let crumbs = 0
  return {
    next: async () => {
      iterator ??= request.iterator({ destroyOnReturn: false })
      const step: IteratorResult<Uint8Array> = await iterator.next()
      if (step.done === true) return step
      crumbs = step.value.length > CRUMB_BYTES_MAX ? 0 : crumbs + 1
      if (crumbs <= CRUMBS_MAX) return step
      await nextTurn()
      return { done: false, value: Buffer.concat([step.value, ...readAll(request)]) }
    },
  }
}

function readAll(request: IncomingMessage): readonly Buffer[] {
  const chunks: Buffer[] = []
  for (let chunk: Buffer | null = request.read(); chunk !== null; chunk = request.read()) {
    chunks.push(chunk)
  }
  return chunks
}

/** Node's response, with every wait ended by the connection's end. */
export function nodeOutbound(response: ServerResponse): Outbound {
  return {
    hint: (fields) => {
      const { headersSent, socket } = response
      if (headersSent || socket?.writable !== true) return
      // Node's own way throws for links that it would have written otherwise.
      const lines = fields.map(([name, value]) => `${name}: ${value}`)
      socket.write(['HTTP/1.1 103 Early Hints', ...lines, '', ''].join('\r\n'), 'latin1')
    },
    begin: (head) => {
      response.writeHead(head.status, flatHead(head))
      if (head.isEager === true) response.flushHeaders()
    },
    write: async (chunk) => {
      if (!response.write(chunk)) await settled(response, 'drain')
    },
    end: (last, trailers) => {
      if (trailers.length > 0)
        response.addTrailers(trailers.map(([name, value]): [string, string] => [name, value]))
      // In one piece with the head, and without a vector of buffers, where it is small.
      if (last.length > ONE_PIECE_BYTES_MAX) response.end(last)
      else response.end(latin1(last), 'latin1')
      return isTaken(response) ? TAKEN : settled(response, 'finish')
    },
    destroy: () => {
      response.destroy()
      // A response that was pipelined may not have been given the connection yet.
      response.req.socket.destroy()
    },
  }
}

/** Up to here one copy costs less than one more buffer. */
const ONE_PIECE_BYTES_MAX = 8192
const TAKEN = Promise.resolve()

/** The operating system has all of it: what is left is Node's own bookkeeping. */
function isTaken({ socket, writableFinished }: ServerResponse): boolean {
  return writableFinished || (socket !== null && socket.writableLength === 0)
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

function flatHead({ fields, isLast }: ResponseHead): string[] {
  const flat: string[] = []
  for (const [name, value] of fields) flat.push(name, value)
  if (isLast) flat.push('connection', 'close')
  return flat
}

function settled(response: ServerResponse, event: 'drain' | 'finish'): Promise<void> {
  // One that was pipelined has no connection yet, and is not told when there will be none.
  const { socket } = response.req
  if (response.destroyed || response.closed || socket.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      response.off(event, done)
      response.off('close', done)
      socket.off('close', done)
      resolve()
    }
    response.once(event, done)
    response.once('close', done)
    socket.once('close', done)
  })
}

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Inbound, Outbound, Peer, ResponseHead } from './exchange.ts'
import type { HeaderFields } from './header-fields.ts'
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
    isComplete: () => request.complete,
  }
}

/** Touches the stream only when somebody reads: until then nothing flows. */
function lazyIterator(request: IncomingMessage): AsyncIterator<Uint8Array> {
  let iterator: AsyncIterator<Uint8Array> | undefined
  return {
    next: () => {
      iterator ??= request.iterator({ destroyOnReturn: false })
      return iterator.next()
    },
  }
}

/** Node's response, with every wait ended by the connection's end. */
export function nodeOutbound(response: ServerResponse): Outbound {
  return {
    begin: (head) => {
      response.writeHead(head.status, flatHead(head))
    },
    write: async (chunk) => {
      if (!response.write(chunk)) await settled(response, 'drain')
    },
    end: async (last, trailers) => {
      if (trailers.length > 0)
        response.addTrailers(trailers.map(([name, value]): [string, string] => [name, value]))
      response.end(last)
      if (!response.writableFinished) await settled(response, 'finish')
    },
    destroy: () => {
      response.destroy()
    },
  }
}

function flatHead({ fields, isLast }: ResponseHead): string[] {
  const closing: HeaderFields = isLast ? [['connection', 'close']] : []
  return [...fields, ...closing].flat()
}

function settled(response: ServerResponse, event: 'drain' | 'finish'): Promise<void> {
  if (response.destroyed || response.closed) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      response.off(event, done)
      response.off('close', done)
      resolve()
    }
    response.once(event, done)
    response.once('close', done)
  })
}

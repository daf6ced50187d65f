import { type IncomingHttpHeaders, request } from 'node:http'
import type { Config } from '../../config/index.ts'
import type { Clock } from '../../platform/index.ts'

type Route = Config['routes'][number]

/** What came of one request. */
export interface Answered {
  /** Undefined: none came. */
  readonly status: number | undefined
  readonly reason: string | undefined
  /** Of a record of its own: durable, or soon to be; undefined: it has none. */
  readonly receipt: 'whole' | 'later' | undefined
  readonly tookMs: number
}

/** Asks one route for something, as its caller would. */
export class Caller {
  readonly #at: { readonly port: number; readonly token: string; readonly clock: Clock }

  constructor(at: { readonly port: number; readonly token: string; readonly clock: Clock }) {
    this.#at = at
  }

  /** Gives up after `waitMsMax`. */
  ask({ hosts, path, methods }: Route, waitMsMax: number): Promise<Answered> {
    const { port, token, clock } = this.#at
    const beganMs = clock.ticksMs()
    const method = methods.includes('GET') ? 'GET' : (methods[0] ?? 'GET')
    const headers = {
      host: hosts?.[0] ?? '127.0.0.1',
      authorization: `Bearer ${token}`,
      connection: 'close',
    }
    // A parameter in braces takes any one segment.
    const at = { host: '127.0.0.1', port, method, path: path.replaceAll(/\{[^}]*\}/g, 'drill') }
    return new Promise((resolve) => {
      const asked = request({ ...at, headers })
      const none = { status: undefined, reason: undefined, receipt: undefined } as const
      const given = clock.after(waitMsMax, () => asked.destroy())
      const end = (answer: Omit<Answered, 'tookMs'>): void => {
        given.cancel()
        resolve({ ...answer, tookMs: clock.ticksMs() - beganMs })
      }
      asked.on('error', () => end(none))
      asked.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', () => end(none))
        response.on('end', () => {
          const { statusCode: status, headers: fields } = response
          const receipt = receiptOf(fields)
          end({ status, reason: reasonOf(Buffer.concat(chunks)), receipt })
        })
      })
      asked.end()
    })
  }
}

function receiptOf(fields: IncomingHttpHeaders): Answered['receipt'] {
  if (fields['countersign-receipt'] !== undefined) return 'whole'
  return fields['countersign-receipt-pending'] === undefined ? undefined : 'later'
}

/** Of a refusal of the gateway's own. */
function reasonOf(body: Buffer): string | undefined {
  try {
    const { reason } = JSON.parse(body.toString()) as { readonly reason?: unknown }
    return typeof reason === 'string' ? reason : undefined
  } catch {
    return undefined // The stand-in's answer, which is no JSON.
  }
}

import { Agent, request } from 'node:http'

export interface LoadAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** Asks again and again, over connections that are kept, each loader one request at a time. */
export class Load {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  readonly #port: number
  readonly #headers: Readonly<Record<string, string>>

  constructor(port: number, token?: string) {
    this.#port = port
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  }

  ask(path: string, method = 'GET'): Promise<LoadAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<LoadAnswer>()
    const options = { host: '127.0.0.1', port: this.#port, path, method, headers: this.#headers }
    const sent = request({ ...options, agent: this.#agent }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response
        resolve({ status, headers, body: Buffer.concat(chunks).toString('latin1') })
      })
    })
    sent.on('error', reject)
    sent.end()
    return promise
  }

  /** `total` requests by so many loaders at once: how often each status was answered. */
  async run(total: number, loaders: number, path: string): Promise<ReadonlyMap<number, number>> {
    const counts = new Map<number, number>()
    let left = total
    const loader = async (): Promise<void> => {
      while (left > 0) {
        left -= 1
        const { status } = await this.ask(path)
        counts.set(status, (counts.get(status) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: loaders }, loader))
    return counts
  }

  close(): void {
    this.#agent.destroy()
  }
}

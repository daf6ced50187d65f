import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'

/** The port itself, or for 0 one that was free a moment ago, so that it can be written down. */
export async function settlePort(host: string, port: number, option: string): Promise<number> {
  const server = createServer()
  try {
    return await new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
    })
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'EADDRINUSE' ? `port ${port} is in use` : `port ${port}: ${message}`
    throw new Error(`${why}: take another with ${option} (0: any free port)`, { cause })
  } finally {
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
}

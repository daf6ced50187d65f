import { type AddressInfo, createServer } from 'node:net'
import type { Random } from '../platform/index.ts'

/** Below the ports that connections go out from: one of those may be taken before it is used. */
const PORT_MIN = 10_240
const PORT_MAX = 32_000
const TRIES_MAX = 100

export interface WantedPort {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** Where it was asked for. */
  readonly option: string
  readonly random: Random
}

/** The port itself, or for 0 one that was free a moment ago, so that it can be written down. */
export async function settlePort({ host, port, option, random }: WantedPort): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    const asked = port === 0 ? anyPort(random) : port
    try {
      return await tryPort(host, asked)
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      const isTaken = code === 'EADDRINUSE'
      if (port === 0 && isTaken && tries < TRIES_MAX) continue
      const why = isTaken ? `port ${asked} is in use` : `port ${asked}: ${message}`
      throw new Error(`${why}: take another with ${option} (0: any free port)`, { cause })
    }
  }
}

function anyPort(random: Random): number {
  const [high = 0, low = 0] = random.bytes(2)
  return PORT_MIN + ((high * 256 + low) % (PORT_MAX - PORT_MIN))
}

async function tryPort(host: string, port: number): Promise<number> {
  const server = createServer()
  try {
    return await new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
    })
  } finally {
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
}

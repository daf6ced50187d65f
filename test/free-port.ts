import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the ports that connections go out from, on Linux and elsewhere. */
const PORT_MIN = 10_240
const PORT_MAX = 32_000
const TRIES_MAX = 100

/**
 * A port on which nobody listens. It is none that the system gives to a connection that goes out:
 * one of those may be taken before it is used, and whoever asks for it while nobody listens there
 * may even be connected to himself.
 */
export async function freePort(host: string = '127.0.0.1'): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN))
    const server = createServer()
    try {
      await once(server.listen(port, host), 'listening')
    } catch (error) {
      if (tries === TRIES_MAX) throw error
      continue // Somebody listens there.
    }
    server.close()
    await once(server, 'close')
    return port
  }
}

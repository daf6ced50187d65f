import { once } from 'node:events'
import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

/** Below the ports that connections go out from, on Linux and elsewhere. */
const PORT_MIN = 10_240
const PORT_MAX = 32_000
const TRIES_MAX = 100
/** Here test processes that run at once tell each other which ports they were given. */
const CLAIMS = join(tmpdir(), `countersign-ports-${userInfo().uid}`)
/** By then somebody listens there, or whoever was given it was killed. */
const CLAIM_MS = 600_000
const claimed: string[] = []

process.on('exit', () => {
  for (const path of claimed) rmSync(path, { force: true })
})

/**
 * A port on which nobody listens. It is none that the system gives to a connection that goes out:
 * one of those may be taken before it is used, and whoever asks for it while nobody listens there
 * may even be connected to himself.
 */
export async function freePort(host: string = '127.0.0.1'): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN))
    if (!claim(port)) continue // Somebody is about to listen there.
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

function claim(port: number): boolean {
  mkdirSync(CLAIMS, { recursive: true })
  const path = join(CLAIMS, `${port}`)
  try {
    writeFileSync(path, '', { flag: 'wx' })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    const held = statSync(path, { throwIfNoEntry: false })
    if (held === undefined || Date.now() - held.mtimeMs < CLAIM_MS) return false
    utimesSync(path, new Date(), new Date())
  }
  claimed.push(path)
  return true
}

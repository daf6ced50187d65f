import { lookup } from 'node:dns/promises'
import { BoundSocket } from 'node:net'
import type { Config } from '../../config/index.ts'
import { ADMIN, type Descriptor } from './descriptors.ts'

/** Every socket of a configuration: those that were handed over, and the rest bound here. */
export async function holdSockets(
  config: Pick<Config, 'listeners' | 'admin'>,
  found: readonly Descriptor[],
): Promise<readonly Descriptor[]> {
  const wanted = [...config.listeners, { ...config.admin, name: ADMIN }]
  const missing = wanted.filter(({ name }) => !found.some((each) => each.name === name))
  const held = [...found]
  for (const { name, host, port } of missing) {
    held.push({ name, fd: await bind(name, host, port) })
  }
  return held
}

/** Bound, and not listened on: nobody is let in before there is a gateway. */
async function bind(name: string, host: string, port: number): Promise<number> {
  try {
    const { address } = await lookup(host)
    const socket = new BoundSocket({ host: address, port })
    HELD.push(socket)
    return socket.fd()
  } catch (cause) {
    throw new Error(`cannot bind ${host}:${port} for listener ${name}`, { cause })
  }
}

/** For as long as the process lives: one that is collected would be closed. */
const HELD: BoundSocket[] = []

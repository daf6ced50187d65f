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
    const socket = await bindSocket({ name, host, port })
    HELD.push(socket)
    held.push({ name, fd: socket.fd() })
  }
  return held
}

/** Bound, and not listened on: nobody is let in before there is a gateway. */
export async function bindSocket({
  name,
  host,
  port,
}: Pick<Config['listeners'][number], 'name' | 'host' | 'port'>): Promise<BoundSocket> {
  try {
    const { address } = await lookup(host)
    return new BoundSocket({ host: address, port })
  } catch (cause) {
    throw new Error(`cannot bind ${host}:${port} for listener ${name}`, { cause })
  }
}

/** For as long as the process lives: one that is collected would be closed. */
const HELD: BoundSocket[] = []

import type { Prepared } from '../prepare.ts'

/** The first descriptor that is handed over; those below are the standard ones. */
const FIRST = 3
const DESCRIPTORS_MAX = 1024
/** The name under which the control plane's socket is handed over. */
export const ADMIN = 'admin'

/** Who we are, for whoever hands something over. */
export interface Descent {
  readonly pid: number
  readonly ppid: number
}

/** A listening socket that somebody else opened, and keeps open. */
export interface Descriptor {
  readonly name: string
  readonly fd: number
}

/** Sockets were handed over that do not fit the configuration, or not as the protocol says. */
export class DescriptorError extends Error {
  override readonly name = 'DescriptorError'
}

/**
 * The sockets that were handed to this process, as sd_listen_fds(3) says: LISTEN_FDS of them from
 * descriptor 3 on, for the process LISTEN_PID, called LISTEN_FDNAMES. A parent that cannot know the
 * number of its child says its own in COUNTERSIGN_LISTEN_PARENT instead.
 */
export function readDescriptors(
  environment: Readonly<Record<string, string | undefined>>,
  { pid, ppid }: Descent,
): readonly Descriptor[] {
  const { LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES, COUNTERSIGN_LISTEN_PARENT } = environment
  if (LISTEN_FDS === undefined) return []
  const isOurs = LISTEN_PID === String(pid) || COUNTERSIGN_LISTEN_PARENT === String(ppid)
  // Meant for another process that left its environment to us.
  if (!isOurs) return []
  const count = /^(0|[1-9]\d{0,3})$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : Number.NaN
  if (!(count <= DESCRIPTORS_MAX)) {
    throw new DescriptorError(`LISTEN_FDS is ${LISTEN_FDS}, not a number up to ${DESCRIPTORS_MAX}`)
  }
  if (count === 0) return []
  const names = LISTEN_FDNAMES?.split(':') ?? []
  if (names.length !== count) {
    const advice = 'give each socket FileDescriptorName=, the name of its listener'
    const found = `LISTEN_FDNAMES has ${names.length} names for ${count} sockets`
    throw new DescriptorError(`${found}: ${advice}`)
  }
  return names.map((name, index) => ({ name, fd: FIRST + index }))
}

/** The configuration with its sockets in place; each of them must be somebody's, and once. */
export function withDescriptors(prepared: Prepared, found: readonly Descriptor[]): Prepared {
  if (found.length === 0) return prepared
  const byName = new Map<string, number>()
  const known = [...prepared.listeners.map(({ name }) => name), ADMIN]
  for (const { name, fd } of found) {
    const place = `socket ${fd} that was handed over is called ${JSON.stringify(name)}`
    if (!known.includes(name)) {
      throw new DescriptorError(`${place}, and no listener is: known are ${known.join(', ')}`)
    }
    if (byName.has(name)) throw new DescriptorError(`${place}, as is socket ${byName.get(name)}`)
    byName.set(name, fd)
  }
  return {
    ...prepared,
    listeners: prepared.listeners.map((each) => ({ ...each, descriptor: byName.get(each.name) })),
    adminDescriptor: byName.get(ADMIN),
  }
}

import { join } from 'node:path'
import type { Config } from '../../config/index.ts'
import type { Disk } from '../../platform/index.ts'
import { writeText } from '../demo-files.ts'

const RESERVE_BYTES_MAX = 1_048_576

/** Who asks in a drill: the one principal of the scratch instance, who may do everything. */
export const DRILLER = 'drill'

const POLICY = 'permit (principal, action, resource);\n'

/**
 * Writes the configuration of the scratch instance: routes, limits, timeouts, retries and marks of
 * the one that was given; everything that names a secret, a person, a port or a machine is left
 * out. Returns where it is.
 */
export async function writeScratchConfig(
  { routes, upstreams, limits, ledger, disk: marks }: Config,
  to: { readonly disk: Disk; readonly directory: string; readonly upstreamUrl: string },
): Promise<string> {
  const { disk, directory, upstreamUrl: url } = to
  await disk.makeDirectory(join(directory, 'policies'))
  await writeText(disk, join(directory, 'policies', 'drill.cedar'), POLICY)
  const scratch = {
    version: 1,
    gateway: 'drill',
    origin: 'countersign.drill',
    data: 'data',
    log: { level: 'silent' },
    ledger,
    disk: { ...marks, reserveBytes: Math.min(marks.reserveBytes, RESERVE_BYTES_MAX) },
    limits,
    identity: { keysFile: 'keys.yaml' },
    policies: { directory: 'policies' },
    admin: { host: '127.0.0.1', port: 0, roles: { viewer: [{ principal: DRILLER }] } },
    listeners: [{ name: 'drill', host: '127.0.0.1', port: 0 }],
    upstreams: Object.fromEntries(
      Object.entries(upstreams).map(([name, upstream]) => {
        const { timeouts, retries, outliers, connectionsMax, requestsMax, waitingMax } = upstream
        const counted = { connectionsMax, requestsMax, waitingMax }
        return [name, { url, timeouts, retries, outliers, ...counted }]
      }),
    ),
    routes: routes.map(({ name, hosts, path, upstream, methods, record, release, retry }) => {
      return { name, hosts, path, upstream, methods, record, release, retry }
    }),
  }
  const path = join(directory, 'drill.yaml')
  // Every JSON text is YAML.
  await writeText(disk, path, JSON.stringify(scratch, undefined, 2))
  return path
}

import type { Finding } from '../../cli/index.ts'
import { type Probe, probeTargets, systemResolve } from '../../upstream/index.ts'
import type { Prepared } from '../prepare.ts'

/** What to do about what records call these. */
const ADVICE: Readonly<Record<string, string>> = {
  'name-unresolved': 'look at the name, and at this machine’s resolver',
  econnrefused: 'nothing listens there',
  'no-answer': 'a firewall, or the wrong address',
  'certificate-untrusted': 'name its authority: upstreams.NAME.authority',
  'certificate-self-signed': 'name it as the authority: upstreams.NAME.authority',
  'certificate-name': 'it is another host’s; upstreams.NAME.tls.serverName says which is meant',
  'certificate-expired': 'have it renewed',
  'certificate-demanded': 'it wants to know us: upstreams.NAME.tls.certificate and key',
}

/** Connects to each, with the handshake that the proxy would make, and asks nothing of it. */
export async function* examineUpstreams({ config, upstreams }: Prepared): AsyncGenerator<Finding> {
  const timeoutMs = config.limits.connectMs
  for (const [name, upstream] of Object.entries(upstreams)) {
    const probes = await probeTargets(upstream, { resolve: systemResolve, timeoutMs })
    for (const probe of probes) yield finding(name, probe)
  }
}

function finding(name: string, { url, address, fault }: Probe): Finding {
  const where = address === undefined ? url : `${url} (${address})`
  const common = { topic: 'upstream', subject: name }
  if (fault === undefined) return { ...common, state: 'ok', says: `${where} takes connections` }
  const advice = ADVICE[fault]?.replace('NAME', name)
  const said = { ...common, state: 'failure', says: `${where}: ${fault}` } as const
  return advice === undefined ? said : { ...said, advice }
}

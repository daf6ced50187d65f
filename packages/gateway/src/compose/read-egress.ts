import { type Egress, InjectedCredential } from '../proxy/index.ts'
import type { UpstreamConfig } from '../upstream/index.ts'
import type { readNamed } from './read-config.ts'
import { readSecret } from './read-secret.ts'

/** What a service of somebody else is shown, its secret read; undefined: the upstream is ours. */
export async function readEgress(
  { egress }: UpstreamConfig,
  read: typeof readNamed,
): Promise<Egress | undefined> {
  if (egress === undefined) return undefined
  const { credential } = egress
  if (credential === undefined) return { credential: undefined }
  const bytes = await readSecret(credential.secret, { environment: process.env }, read)
  const secret = new TextDecoder().decode(bytes)
  return { credential: new InjectedCredential(credential, secret) }
}

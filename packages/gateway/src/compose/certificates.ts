import type { Certificate, ListenerConfig } from '../proxy/index.ts'
import { readNamed } from './read-config.ts'

const PEM_BYTES_MAX = 1_048_576

/** Paths of PEM files in, their texts out. */
export async function readCertificate(tls: Tls | undefined): Promise<Certificate | undefined> {
  if (tls === undefined) return undefined
  const pair = { certificate: await readPem(tls.certificate), key: await readPem(tls.key) }
  const { clientCertificates: clients } = tls
  if (clients === undefined) return pair
  const authorities = await Promise.all(clients.authorities.map(readPem))
  const revocations = await Promise.all(clients.revocations.map(readPem))
  return {
    ...pair,
    clientCertificates: {
      show: clients.show,
      authorities,
      revocations,
      trustDomain: clients.spiffe,
    },
  }
}

type Tls = Pick<NonNullable<ListenerConfig['tls']>, 'certificate' | 'key'> &
  Partial<NonNullable<ListenerConfig['tls']>>

export async function readPem(path: string): Promise<string> {
  return new TextDecoder().decode(await readNamed(path, PEM_BYTES_MAX))
}

import type { Certificate, ListenerConfig } from '../proxy/index.ts'
import { readNamed } from './read-config.ts'

type ReadFile = typeof readNamed

const PEM_BYTES_MAX = 1_048_576

/** Paths of PEM files in, their texts out, as `read` has them. */
export async function readCertificate(
  tls: Tls | undefined,
  read: ReadFile,
): Promise<Certificate | undefined> {
  if (tls === undefined) return undefined
  const text = (path: string): Promise<string> => readPem(path, read)
  const pair = { certificate: await text(tls.certificate), key: await text(tls.key) }
  const { clientCertificates: clients } = tls
  if (clients === undefined) return pair
  const authorities = await Promise.all(clients.authorities.map(text))
  const revocations = await Promise.all(clients.revocations.map(text))
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

export async function readPem(path: string, read: ReadFile = readNamed): Promise<string> {
  return new TextDecoder().decode(await read(path, PEM_BYTES_MAX))
}

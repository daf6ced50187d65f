import type { Certificate, ListenerConfig } from '../proxy/index.ts'
import { checkUpstreamTls, type UpstreamConfig } from '../upstream/index.ts'
import { readNamed } from './read-config.ts'

type ReadFile = typeof readNamed

const PEM_BYTES_MAX = 1_048_576

/** A certificate and its key alone. */
export async function readPair(
  tls: { readonly certificate: string; readonly key: string } | undefined,
  read: ReadFile,
): Promise<{ readonly certificate: string; readonly key: string } | undefined> {
  if (tls === undefined) return undefined
  return { certificate: await readPem(tls.certificate, read), key: await readPem(tls.key, read) }
}

/** Paths of PEM files in, their texts out, as `read` has them. */
export async function readCertificate(
  tls: Tls | undefined,
  read: ReadFile,
): Promise<Certificate | undefined> {
  if (tls === undefined) return undefined
  const text = (path: string): Promise<string> => readPem(path, read)
  const further: { certificate: string; key: string }[] = []
  for (const { certificate, key } of tls.further ?? []) {
    further.push({ certificate: await text(certificate), key: await text(key) })
  }
  const { certificate, key } = tls
  const own =
    certificate === undefined || key === undefined
      ? { isObtained: true }
      : { certificate: await text(certificate), key: await text(key) }
  const pair = further.length === 0 ? own : { ...own, further }
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

/** An upstream with the texts of its files in place of their paths; throws where TLS takes none. */
export async function readUpstream(
  upstream: UpstreamConfig,
  read: ReadFile,
): Promise<UpstreamConfig> {
  const { authority, tls, ...rest } = upstream
  const text = async (path: string | undefined): Promise<string | undefined> => {
    return path === undefined ? undefined : readPem(path, read)
  }
  const filled = {
    ...rest,
    authority: await text(authority),
    tls: tls && {
      ...tls,
      certificate: await text(tls.certificate),
      key: await text(tls.key),
      revocations: await Promise.all(tls.revocations.map((path) => readPem(path, read))),
    },
  }
  checkUpstreamTls(filled)
  return filled
}

type Tls = Pick<NonNullable<ListenerConfig['tls']>, 'certificate' | 'key'> &
  Partial<NonNullable<ListenerConfig['tls']>>

export async function readPem(path: string, read: ReadFile = readNamed): Promise<string> {
  return new TextDecoder().decode(await read(path, PEM_BYTES_MAX))
}

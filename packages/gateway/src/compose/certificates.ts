import { readNamed } from './read-config.ts'

const PEM_BYTES_MAX = 1_048_576

/** Paths of PEM files in, their texts out. */
export async function readCertificate(
  tls: { readonly certificate: string; readonly key: string } | undefined,
): Promise<{ readonly certificate: string; readonly key: string } | undefined> {
  if (tls === undefined) return undefined
  return { certificate: await readPem(tls.certificate), key: await readPem(tls.key) }
}

export async function readPem(path: string): Promise<string> {
  return new TextDecoder().decode(await readNamed(path, PEM_BYTES_MAX))
}

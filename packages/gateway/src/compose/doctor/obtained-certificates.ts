import { join } from 'node:path'
import { type AcmeConfig, CertificateStore } from '../../acme/index.ts'
import type { Finding } from '../../cli/index.ts'
import type { Config } from '../../config/index.ts'
import { systemResolve } from '../../upstream/index.ts'
import { readPem } from '../certificates.ts'
import { httpClient } from '../http-client.ts'
import type { Machine } from '../machine.ts'
import { examinePair } from './certificates.ts'

const DIRECTORY_BYTES_MAX = 65_536
const HTTP_OK = 200

/** Of listeners that obtain their own: what is kept, who issues it, and whether names fit. */
export async function* examineObtained(
  config: Config,
  { disk, clock }: Machine,
): AsyncGenerator<Finding> {
  for (const { name, tls } of config.listeners) {
    const acme = tls?.acme
    if (acme === undefined) continue
    const store = new CertificateStore(disk, acme.store ?? join(config.data, 'acme'))
    yield* examineKept(name, acme, store, clock.nowUs() / 1000)
    yield await examineDirectory(name, acme)
    for (const domain of acme.domains) yield* examineDomain(name, domain, config)
  }
}

async function* examineKept(
  name: string,
  { domains }: AcmeConfig,
  store: CertificateStore,
  nowMs: number,
): AsyncGenerator<Finding> {
  const common = { topic: 'acme', subject: `listener ${name}` }
  try {
    const held = await store.certificate(name)
    if (held === undefined) {
      const advice = 'the gateway asks for one when it starts, and refuses handshakes until then'
      yield { ...common, state: 'warning', says: 'there is no certificate yet', advice }
      return
    }
    yield* examinePair(`listener ${name}`, held.pair, nowMs)
    const missing = domains.filter((domain) => !held.names.includes(domain))
    if (missing.length === 0) return
    const says = `its certificate is not good for ${missing.join(', ')}`
    yield { ...common, state: 'warning', says, advice: 'a gateway that runs asks for another' }
  } catch (error) {
    yield { ...common, state: 'failure', says: error instanceof Error ? error.message : 'unread' }
  }
}

async function examineDirectory(
  name: string,
  { directory, authority, answerMs }: AcmeConfig,
): Promise<Finding> {
  const common = { topic: 'acme', subject: `listener ${name}` }
  const http = httpClient(authority === undefined ? undefined : await readPem(authority))
  try {
    const { status, body } = await http.request({
      url: directory,
      method: 'GET',
      headers: {},
      bytesMax: DIRECTORY_BYTES_MAX,
      timeoutMs: answerMs,
      allowsLoopbackHttp: false,
    })
    const isDirectory = status === HTTP_OK && new TextDecoder().decode(body).includes('"newOrder"')
    if (isDirectory) return { ...common, state: 'ok', says: `${directory} answers` }
    const advice = 'tls.acme.directory is the URL of a directory as RFC 8555 has it'
    return { ...common, state: 'failure', says: `${directory} is no directory`, advice }
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error
    const says = `${directory}: ${cause instanceof Error ? cause.message : String(cause)}`
    const advice = 'look at the network; a private authority is named in tls.acme.authority'
    return { ...common, state: 'failure', says, advice }
  } finally {
    await http.close()
  }
}

async function* examineDomain(
  name: string,
  domain: string,
  { routes }: Config,
): AsyncGenerator<Finding> {
  const common = { topic: 'acme', subject: `listener ${name}` }
  if (!routes.some(({ hosts }) => hosts === undefined || hosts.includes(domain))) {
    const advice = 'name it in the hosts of a route, or take it out of the certificate'
    yield { ...common, state: 'warning', says: `no route serves ${domain}`, advice }
  }
  try {
    await systemResolve(domain)
  } catch {
    const advice = 'an authority that cannot find it cannot validate it'
    yield { ...common, state: 'warning', says: `${domain} has no address here`, advice }
  }
}

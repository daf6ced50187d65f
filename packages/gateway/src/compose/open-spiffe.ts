import type { Logger } from 'pino'
import type { Config } from '../config/index.ts'
import {
  type Authenticator,
  BUNDLE_BYTES_MAX,
  BundleKeeper,
  JwtSvids,
  type SpiffeConfig,
  type TokenCheck,
  VerifiedTokens,
  x509Svids,
} from '../identity/index.ts'
import type { HttpClient } from '../platform/index.ts'
import type { ListenerSettings } from '../proxy/index.ts'
import { readPem } from './certificates.ts'
import { httpClient } from './http-client.ts'
import type { Machine } from './machine.ts'
import { readNamed } from './read-config.ts'

const FETCH_MS_MAX = 10_000
const HTTP_OK = 200

export interface SpiffeNeeds {
  readonly http: HttpClient
  readonly log: Logger
  readonly check: TokenCheck
  /** The authorities of a trust domain are others now. */
  readonly onTrustChange: () => void
}

/** Trust domains and their workloads. */
export interface OpenSpiffe {
  readonly authenticators: readonly Authenticator[]
  /** The listener with the authorities of its trust domain, as they are now. */
  withAuthorities(listener: ListenerSettings): ListenerSettings
  close(): Promise<void>
}

/** Bundles in files are read before it resolves; servers are asked, and nobody waits for them. */
export async function openSpiffe(
  { identity }: Config,
  machine: Machine,
  needs: SpiffeNeeds,
): Promise<OpenSpiffe> {
  const { spiffe, clockSkewMs, verifiedTokensMax } = identity
  await using parts = new AsyncDisposableStack()
  const keepers = new Map<string, BundleKeeper>()
  for (const config of spiffe) {
    const { read, close } = await bundleReader(config, needs.http)
    parts.defer(close)
    const keeper = makeKeeper(config, machine, { ...needs, read })
    parts.defer(() => keeper.close())
    keepers.set(config.name, keeper)
    const started = keeper.start()
    if ('file' in config.bundle) await started
  }
  const { check } = needs
  const tokens = new VerifiedTokens(verifiedTokensMax)
  const authenticators = spiffe.flatMap((config): readonly Authenticator[] => {
    const bundle = keepers.get(config.name)
    if (bundle === undefined) return []
    const jwts = new JwtSvids({ config, bundle, check, tokens, clockSkewMs })
    return config.audiences.length === 0 ? [x509Svids(config)] : [x509Svids(config), jwts]
  })
  const open = parts.move()
  return {
    authenticators,
    withAuthorities: (listener) => fill(listener, keepers),
    close: () => open.disposeAsync(),
  }
}

function makeKeeper(
  { name, refreshEveryMs, staleMs }: SpiffeConfig,
  { clock }: Machine,
  needs: Pick<SpiffeNeeds, 'log' | 'onTrustChange'> & { readonly read: () => Promise<Uint8Array> },
): BundleKeeper {
  const { read, log, onTrustChange } = needs
  return new BundleKeeper({
    name,
    read,
    clock,
    refreshEveryMs,
    staleMs,
    onChange: () => {
      log.info({ spiffe: name }, 'trust bundle has changed')
      onTrustChange()
    },
    onFault: (cause) => log.warn({ spiffe: name, err: cause }, 'trust bundle cannot be had'),
  })
}

async function bundleReader(
  { bundle }: SpiffeConfig,
  shared: HttpClient,
): Promise<{ readonly read: () => Promise<Uint8Array>; readonly close: () => Promise<void> }> {
  const nothing = async (): Promise<void> => undefined
  if ('file' in bundle) {
    return { read: () => readNamed(bundle.file, BUNDLE_BYTES_MAX), close: nothing }
  }
  const { url, authority, allowLoopbackHttp: allowsLoopbackHttp } = bundle
  const own = authority === undefined ? undefined : httpClient(await readPem(authority))
  const http = own ?? shared
  const read = async (): Promise<Uint8Array> => {
    const { status, body } = await http.request({
      url,
      method: 'GET',
      headers: { accept: 'application/json' },
      bytesMax: BUNDLE_BYTES_MAX,
      timeoutMs: FETCH_MS_MAX,
      allowsLoopbackHttp,
    })
    if (status !== HTTP_OK) throw new Error(`${url} answers with status ${status}`)
    return body
  }
  return { read, close: async () => own?.close() }
}

function fill(
  listener: ListenerSettings,
  keepers: ReadonlyMap<string, BundleKeeper>,
): ListenerSettings {
  const { tls } = listener
  const clients = tls?.clientCertificates
  if (tls === undefined || clients?.trustDomain === undefined) return listener
  const keeper = keepers.get(clients.trustDomain)
  if (keeper === undefined) {
    throw new Error(`listener ${listener.name}: no item of identity.spiffe is that`)
  }
  const { authorities } = keeper
  return { ...listener, tls: { ...tls, clientCertificates: { ...clients, authorities } } }
}

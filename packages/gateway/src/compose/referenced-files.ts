import type { Config } from '../config/index.ts'

/** A file that a configuration names, by the place that names it. */
interface Reference {
  readonly name: string
  readonly path: string
  /** Its digest is kept nowhere; that it has changed is noticed all the same. */
  readonly isSecret: boolean
}

/**
 * Files that are read when a configuration is loaded. Policies and API keys are not among them:
 * they have stores and records of their own.
 */
export function referencedFiles(config: Config): readonly Reference[] {
  const { listeners, upstreams, admin, identity, quotaStore, telemetry } = config
  return [
    ...listeners.flatMap(({ tls }, index) => ofTls(`listeners[${index}].tls`, tls)),
    ...ofTls('admin.tls', admin.tls),
    ...Object.entries(upstreams).flatMap(([name, { authority, egress, tls }]) => [
      ...plain(`upstreams.${name}.authority`, authority),
      ...plain(`upstreams.${name}.tls.certificate`, tls?.certificate),
      ...ofSecret(
        `upstreams.${name}.tls.key`,
        tls?.key === undefined ? undefined : { file: tls.key },
      ),
      ...(tls?.revocations ?? []).flatMap((path) => plain(`upstreams.${name}.tls`, path)),
      ...ofSecret(`upstreams.${name}.egress.credential.secret`, egress?.credential?.secret),
    ]),
    ...ofQuotaStore(quotaStore),
    ...ofSecret('telemetry.traces.authorization', telemetry.traces?.authorization),
    ...plain('identity.authority', identity.authority),
    ...identity.issuers.flatMap(({ jwksFile, secret }, index) => [
      ...plain(`identity.issuers[${index}].jwksFile`, jwksFile),
      ...ofSecret(`identity.issuers[${index}].secret`, secret),
    ]),
    ...identity.introspection.flatMap(({ clientSecret }, index) =>
      ofSecret(`identity.introspection[${index}].clientSecret`, clientSecret),
    ),
    ...identity.spiffe.flatMap(({ bundle }, index) =>
      plain(
        `identity.spiffe[${index}].bundle.authority`,
        'url' in bundle ? bundle.authority : undefined,
      ),
    ),
    ...identity.logins.flatMap(({ clientSecret }, index) =>
      ofSecret(`identity.logins[${index}].clientSecret`, clientSecret),
    ),
  ]
}

function ofQuotaStore(store: Config['quotaStore']): readonly Reference[] {
  if (store.kind === 'memory') return []
  return [
    ...plain('quotaStore.authority', store.authority),
    ...ofSecret('quotaStore.password', store.password),
  ]
}

interface Tls {
  readonly certificate?: string | undefined
  readonly key?: string | undefined
  readonly acme?: NonNullable<Config['listeners'][number]['tls']>['acme']
  readonly further?: readonly { readonly certificate: string; readonly key: string }[]
  readonly clientCertificates?:
    | { readonly authorities: readonly string[]; readonly revocations: readonly string[] }
    | undefined
}

function ofTls(name: string, tls: Tls | undefined): readonly Reference[] {
  if (tls === undefined) return []
  const { authorities = [], revocations = [] } = tls.clientCertificates ?? {}
  const further = (tls.further ?? []).flatMap(({ certificate, key }, index) => [
    ...plain(`${name}.further[${index}].certificate`, certificate),
    { name: `${name}.further[${index}].key`, path: key, isSecret: true },
  ])
  return [
    ...plain(`${name}.certificate`, tls.certificate),
    ...ofSecret(`${name}.key`, tls.key === undefined ? undefined : { file: tls.key }),
    ...plain(`${name}.acme.authority`, tls.acme?.authority),
    ...ofSecret(`${name}.acme.externalAccount.macKey`, tls.acme?.externalAccount?.macKey),
    ...further,
    ...[...authorities, ...revocations].flatMap((path) =>
      plain(`${name}.clientCertificates`, path),
    ),
  ]
}

function plain(name: string, path: string | undefined): readonly Reference[] {
  return path === undefined ? [] : [{ name, path, isSecret: false }]
}

function ofSecret(
  name: string,
  secret: { readonly file: string } | { readonly env: string } | undefined,
): readonly Reference[] {
  if (secret === undefined || !('file' in secret)) return []
  return [{ name, path: secret.file, isSecret: true }]
}

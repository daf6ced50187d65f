import { dirname, resolve } from 'node:path'
import type { Config } from './schema.ts'

type Tls = {
  readonly certificate?: string | undefined
  readonly key?: string | undefined
  readonly acme?: AcmeConfig | undefined
  readonly further?: readonly { readonly certificate: string; readonly key: string }[]
  readonly clientCertificates?:
    | { readonly authorities: readonly string[]; readonly revocations: readonly string[] }
    | undefined
}

/** The same configuration with every path absolute, read from the directory of its file. */
export function resolvePaths(file: string, config: Config): Config {
  const directory = dirname(resolve(file))
  const absolute = (path: string): string => resolve(directory, path)
  const withTls = <Part extends { tls?: Tls | undefined }>(part: Part): Part => {
    if (part.tls === undefined) return part
    const { certificate, key, acme, clientCertificates: clients } = part.tls
    const further = (part.tls.further ?? []).map((each) => {
      return { certificate: absolute(each.certificate), key: absolute(each.key) }
    })
    const pair = {
      ...(certificate === undefined ? {} : { certificate: absolute(certificate) }),
      ...(key === undefined ? {} : { key: absolute(key) }),
      ...(acme === undefined ? {} : { acme: acmePaths(acme, absolute) }),
      ...(part.tls.further === undefined ? {} : { further }),
    }
    if (clients === undefined) return { ...part, tls: { ...part.tls, ...pair } }
    const clientCertificates = {
      ...clients,
      authorities: clients.authorities.map(absolute),
      revocations: clients.revocations.map(absolute),
    }
    return { ...part, tls: { ...part.tls, ...pair, clientCertificates } }
  }
  const { kek } = config.vault
  return {
    ...config,
    data: absolute(config.data),
    lock: config.lock === undefined ? undefined : absolute(config.lock),
    vault:
      kek !== undefined && 'file' in kek
        ? { ...config.vault, kek: { file: absolute(kek.file) } }
        : config.vault,
    identity: identityPaths(config.identity, absolute),
    policies: { ...config.policies, directory: absolute(config.policies.directory) },
    quotaStore: withStorePaths(config.quotaStore, absolute),
    telemetry: withCollectorPath(config.telemetry, absolute),
    admin: withTls(config.admin),
    listeners: config.listeners.map(withTls),
    upstreams: Object.fromEntries(
      Object.entries(config.upstreams).map(([name, upstream]) => {
        return [name, upstreamPaths(upstream, absolute)]
      }),
    ),
  }
}

type AcmeConfig = NonNullable<NonNullable<Config['listeners'][number]['tls']>['acme']>

function acmePaths(acme: AcmeConfig, absolute: (path: string) => string): AcmeConfig {
  const { authority, store, externalAccount, ...rest } = acme
  return {
    ...rest,
    ...(authority === undefined ? {} : { authority: absolute(authority) }),
    ...(store === undefined ? {} : { store: absolute(store) }),
    ...(externalAccount === undefined
      ? {}
      : {
          externalAccount: {
            ...externalAccount,
            macKey: secretPath(externalAccount.macKey, absolute),
          },
        }),
  }
}

function upstreamPaths(
  upstream: Config['upstreams'][string],
  absolute: (path: string) => string,
): Config['upstreams'][string] {
  const { authority, tls, egress, ...rest } = upstream
  const { credential } = egress ?? {}
  return {
    ...rest,
    ...(egress === undefined ? {} : { egress }),
    ...(credential === undefined
      ? {}
      : {
          egress: {
            ...egress,
            credential: { ...credential, secret: secretPath(credential.secret, absolute) },
          },
        }),
    ...(authority === undefined ? {} : { authority: absolute(authority) }),
    ...(tls === undefined ? {} : { tls: upstreamTlsPaths(tls, absolute) }),
  }
}

function upstreamTlsPaths(
  tls: NonNullable<Config['upstreams'][string]['tls']>,
  absolute: (path: string) => string,
): NonNullable<Config['upstreams'][string]['tls']> {
  const { certificate, key, revocations } = tls
  return {
    ...tls,
    ...(certificate === undefined ? {} : { certificate: absolute(certificate) }),
    ...(key === undefined ? {} : { key: absolute(key) }),
    revocations: revocations.map(absolute),
  }
}

function withStorePaths(
  store: Config['quotaStore'],
  absolute: (path: string) => string,
): Config['quotaStore'] {
  if (store.kind === 'memory') return store
  const { password, authority, ...rest } = store
  return {
    ...rest,
    ...(authority === undefined ? {} : { authority: absolute(authority) }),
    ...(password === undefined
      ? {}
      : { password: 'file' in password ? { file: absolute(password.file) } : password }),
  }
}

function withCollectorPath(
  { traces }: Config['telemetry'],
  absolute: (path: string) => string,
): Config['telemetry'] {
  if (traces?.authorization === undefined) return { traces }
  return { traces: { ...traces, authorization: secretPath(traces.authorization, absolute) } }
}

function identityPaths(
  identity: Config['identity'],
  absolute: (path: string) => string,
): Config['identity'] {
  const { keysFile, revocationsFile, issuers, introspection, logins, spiffe, dpop, signatures } =
    identity
  return {
    ...identity,
    keysFile: absolute(keysFile),
    ...(identity.authority === undefined ? {} : { authority: absolute(identity.authority) }),
    ...(revocationsFile === undefined ? {} : { revocationsFile: absolute(revocationsFile) }),
    issuers: issuers.map((issuer) => ({
      ...issuer,
      ...(issuer.jwksFile === undefined ? {} : { jwksFile: absolute(issuer.jwksFile) }),
      ...(issuer.secret === undefined ? {} : { secret: secretPath(issuer.secret, absolute) }),
    })),
    introspection: introspection.map((each) => ({
      ...each,
      clientSecret: secretPath(each.clientSecret, absolute),
    })),
    dpop: {
      ...dpop,
      ...(dpop.replaysFile === undefined ? {} : { replaysFile: absolute(dpop.replaysFile) }),
    },
    signatures: signatures.map((each) => ({
      ...each,
      ...(each.noncesFile === undefined ? {} : { noncesFile: absolute(each.noncesFile) }),
    })),
    spiffe: spiffe.map(({ bundle, ...each }) => ({
      ...each,
      bundle: bundlePath(bundle, absolute),
    })),
    logins: logins.map(({ clientSecret, ...login }) => ({
      ...login,
      ...(clientSecret === undefined ? {} : { clientSecret: secretPath(clientSecret, absolute) }),
    })),
  }
}

function bundlePath(
  bundle: Config['identity']['spiffe'][number]['bundle'],
  absolute: (path: string) => string,
): Config['identity']['spiffe'][number]['bundle'] {
  if ('file' in bundle) return { file: absolute(bundle.file) }
  const { authority } = bundle
  return authority === undefined ? bundle : { ...bundle, authority: absolute(authority) }
}

function secretPath<Secret extends { readonly file: string } | { readonly env: string }>(
  secret: Secret,
  absolute: (path: string) => string,
): Secret {
  return 'file' in secret ? { ...secret, file: absolute(secret.file) } : secret
}

import type { Clock, HttpClient } from '../../platform/index.ts'
import { USUAL_ALGORITHMS } from '../jwt/algorithms.ts'
import { type IssuerKeys, RemoteKeys } from '../jwt/issuer-keys.ts'
import type { LoginConfig } from './login-config.ts'

/** The identity provider's keys, for logout tokens: one that it took back is gone in minutes. */
export function loginKeys(
  { issuer, allowLoopbackHttp }: LoginConfig,
  parts: {
    readonly http: HttpClient
    readonly clock: Clock
    readonly onFault: (fault: unknown) => void
  },
): IssuerKeys {
  return new RemoteKeys({
    ...parts,
    issuer,
    rules: { algorithms: USUAL_ALGORITHMS, rsaExponent: 'usual' },
    allowsLoopbackHttp: allowLoopbackHttp,
    onReport: (report) => {
      if (report.kind === 'failed') parts.onFault(report.cause)
    },
  })
}

// A certified OpenID provider on a real socket, in this process. Whoever comes is signed in as the
// account that the test names, and consents.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider, { type Configuration } from 'oidc-provider'

export interface OpenProvider {
  readonly issuer: string
  /** Who signs in from now on. */
  account: string
  /** Goes by another configuration from now on, at the same place. */
  become(more: (issuer: string) => Configuration): void
  close(): Promise<void>
}

/** `more` is the provider's own configuration; its URL is not known before it listens. */
export async function startProvider(
  more: (issuer: string) => Configuration,
): Promise<OpenProvider> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const open: OpenProvider = {
    issuer,
    account: 'ada',
    become: (next) => {
      provider = make(next)
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  const make = (by: typeof more): Provider => {
    const made: Provider = new Provider(issuer, {
      interactions: { url: (_, { uid }) => `/interaction/${uid}` },
      features: { devInteractions: { enabled: false } },
      findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
      loadExistingGrant: async ({ oidc }) => {
        const { client, account, params } = oidc
        const grant = new made.Grant({
          clientId: client?.clientId ?? '',
          accountId: account?.accountId ?? '',
        })
        grant.addOIDCScope(typeof params?.scope === 'string' ? params.scope : '')
        await grant.save()
        return grant
      },
      ...by(issuer),
    })
    return made
  }
  let provider = make(more)
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/interaction/') === true) {
      const login = { accountId: open.account, amr: ['pwd', 'mfa'] }
      void provider.interactionFinished(request, response, { login })
    } else void provider.callback()(request, response)
  })
  return open
}

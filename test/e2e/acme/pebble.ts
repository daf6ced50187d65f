// Debian's pebble, an authority for tests, and a name server that says that every name is this
// machine: what it validates it really connects to.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { join } from 'node:path'
import { freePort } from '../../free-port.ts'
import { type Authority, makeAuthority } from '../../proxy/certificates.ts'

export interface PebbleOptions {
  readonly directory: string
  /** Where names are validated. */
  readonly httpPort: number
  readonly tlsPort: number
  /** Of the certificates that it issues. */
  readonly validSeconds: number
  /** Good nonces that it refuses all the same. */
  readonly nonceRejectPercent?: number
  readonly externalAccount?: { readonly keyId: string; readonly macKey: string }
}

export interface Pebble {
  readonly url: string
  /** PEM file: who has issued its own TLS certificate. */
  readonly authorityFile: string
  /** PEM of the root of what it issues; another one after every start. */
  root(): Promise<string>
  stop(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

export async function startPebble(options: PebbleOptions): Promise<Pebble> {
  const authority = makeAuthority()
  const [port, managementPort, dnsPort, dnsManagement] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const config = writeFiles(options, authority, { port, managementPort })
  const names = spawn('pebble-challtestsrv', [
    `-dns01=127.0.0.1:${dnsPort}`,
    `-management=127.0.0.1:${dnsManagement}`,
    '-defaultIPv6=',
    '-http01=',
    '-https01=',
    '-tlsalpn01=',
  ])
  const { nonceRejectPercent = 0 } = options
  const environment = {
    ...process.env,
    PEBBLE_VA_NOSLEEP: '1',
    PEBBLE_AUTHZREUSE: '0',
    PEBBLE_WFE_NONCEREJECT: String(nonceRejectPercent),
  }
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    child = spawn('pebble', ['-config', config, '-dnsserver', `127.0.0.1:${dnsPort}`], {
      env: environment,
      stdio: 'ignore',
    })
    await untilAnswers(`https://127.0.0.1:${port}/dir`, authority.pem)
  }
  const stop = (): Promise<void> => end(child)
  await start()
  return {
    url: `https://127.0.0.1:${port}/dir`,
    authorityFile: join(options.directory, 'directory-authority.pem'),
    root: () => ask(`https://127.0.0.1:${managementPort}/roots/0`, authority.pem),
    stop,
    start,
    close: async () => {
      await Promise.all([stop(), end(names)])
      authority.remove()
    },
  }
}

function writeFiles(
  options: PebbleOptions,
  authority: Authority,
  { port, managementPort }: { readonly port: number; readonly managementPort: number },
): string {
  const { directory, httpPort, tlsPort, validSeconds, externalAccount } = options
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const own = authority.issue(['127.0.0.1', 'localhost'])
  file('directory-authority.pem', authority.pem)
  const pebble = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate: file('pebble.pem', own.certificate),
    privateKey: file('pebble.key', own.key),
    httpPort,
    tlsPort,
    certificateValidityPeriod: validSeconds,
    externalAccountBindingRequired: externalAccount !== undefined,
    ...(externalAccount === undefined
      ? {}
      : { externalAccountMACKeys: { [externalAccount.keyId]: externalAccount.macKey } }),
  }
  return file('pebble.json', JSON.stringify({ pebble }))
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** Resolves with the body of a good answer. */
function ask(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { ca, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    }).on('error', reject)
  })
}

async function untilAnswers(url: string, ca: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await ask(url, ca)
      return
    } catch (error) {
      if (attempt > 200) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

// Certificates that no gateway should take from an upstream, made by OpenSSL when they are needed,
// each with the TLS server that shows it.
import { execFileSync } from 'node:child_process'
import { hash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** How one certificate is out of the ordinary. */
export interface Issue {
  /** Lines of extensions; `subjectAltName=DNS:localhost` where not given. */
  readonly extensions?: readonly string[]
  readonly subject?: string
  readonly rsaBits?: number
  readonly hash?: 'sha1'
  readonly notBefore?: string
  readonly notAfter?: string
  /** Signed with its own key. */
  readonly isSelfSigned?: boolean
  /** By an intermediate authority, with these extensions of its own. */
  readonly through?: readonly string[]
  /** The intermediate is shown too. */
  readonly showsChain?: boolean
}

export interface Issued {
  readonly certificate: string
  readonly key: string
  /** Of the certificate: base64 of SHA-256 of its public key. */
  readonly pin: string
}

/** An authority that issues whatever it is asked for. */
export class LooseAuthority {
  readonly #directory = mkdtempSync(join(tmpdir(), 'loose-authority-'))
  #serial = 1

  constructor() {
    writeFileSync(this.#file('index.txt'), '')
    writeFileSync(this.#file('crlnumber'), '01')
    writeFileSync(this.#file('ca.cnf'), CONFIGURATION.replaceAll('$dir', this.#directory))
    const root = ['-keyout', this.#file('ca.key'), '-out', this.#file('ca.pem'), '-days', '30']
    const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign']
    this.#openssl('req', '-x509', ...P256, '-nodes', ...root, ...usage, '-subj', '/CN=loose')
  }

  get pem(): string {
    return this.#read('ca.pem')
  }

  issue(issue: Issue = {}): Issued {
    const { extensions = ['subjectAltName=DNS:localhost'], through, isSelfSigned } = issue
    const name = `leaf${this.#serial++}`
    this.#request(name, issue)
    if (isSelfSigned === true) this.#selfSign(name, extensions)
    else if (through === undefined) this.#sign(name, 'ca', issue, extensions)
    else {
      const between = `between${this.#serial++}`
      this.#request(between, { subject: `/CN=${between}` })
      this.#sign(between, 'ca', {}, ['basicConstraints=critical,CA:TRUE', ...through])
      this.#sign(name, between, issue, extensions)
      if (issue.showsChain === true) {
        const chain = this.#read(`${name}.pem`) + this.#read(`${between}.pem`)
        writeFileSync(this.#file(`${name}.pem`), chain)
      }
    }
    const certificate = this.#read(`${name}.pem`)
    const { publicKey } = new X509Certificate(certificate)
    const spki = publicKey.export({ type: 'spki', format: 'der' })
    const pin = hash('sha256', spki, 'base64')
    return { certificate, key: this.#read(`${name}.key`), pin }
  }

  /** The revocation list, with these on it. */
  revoke(...revoked: readonly Issued[]): string {
    for (const { certificate } of revoked) {
      writeFileSync(this.#file('revoked.pem'), certificate)
      this.#openssl('ca', ...this.#configured, '-revoke', this.#file('revoked.pem'))
    }
    this.#openssl('ca', ...this.#configured, '-gencrl', '-out', this.#file('crl.pem'))
    return this.#read('crl.pem')
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true })
  }

  get #configured(): readonly string[] {
    return ['-batch', '-config', this.#file('ca.cnf')]
  }

  #request(name: string, { subject = '/CN=leaf', rsaBits }: Issue): void {
    const kind = rsaBits === undefined ? P256 : ['-newkey', `rsa:${rsaBits}`]
    const files = ['-keyout', this.#file(`${name}.key`), '-out', this.#file(`${name}.csr`)]
    this.#openssl('req', ...kind, '-nodes', ...files, '-subj', subject)
  }

  #selfSign(name: string, extensions: readonly string[]): void {
    const files = ['-in', this.#file(`${name}.csr`), '-out', this.#file(`${name}.pem`)]
    const key = ['-signkey', this.#file(`${name}.key`), '-days', '30']
    this.#openssl('x509', '-req', ...files, ...key, ...this.#extended(extensions))
  }

  #sign(name: string, by: string, issue: Issue, extensions: readonly string[]): void {
    const { hash = 'sha256', notBefore = '20200101000000Z', notAfter = '20491231235959Z' } = issue
    const signer = ['-cert', this.#file(`${by}.pem`), '-keyfile', this.#file(`${by}.key`)]
    const files = ['-in', this.#file(`${name}.csr`), '-out', this.#file(`${name}.pem`)]
    const times = ['-startdate', notBefore, '-enddate', notAfter]
    const rest = [...times, '-md', hash, '-notext', ...this.#extended(extensions)]
    this.#openssl('ca', ...this.#configured, ...signer, ...files, ...rest)
  }

  #extended(extensions: readonly string[]): readonly string[] {
    writeFileSync(this.#file('extensions'), `${extensions.join('\n')}\n`)
    return ['-extfile', this.#file('extensions')]
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  }

  #file(name: string): string {
    return join(this.#directory, name)
  }

  #read(name: string): string {
    return readFileSync(this.#file(name), 'utf8')
  }
}

const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
const CONFIGURATION = `
[ca]
default_ca = loose
[loose]
database = $dir/index.txt
new_certs_dir = $dir
rand_serial = yes
crlnumber = $dir/crlnumber
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_crl_days = 30
default_days = 30
unique_subject = no
policy = any
[any]
commonName = optional
`

export interface BadServer {
  readonly url: string
  close(): void
}

/** A TLS server without scruples of its own. */
export async function serveTls(options: ServerOptions, host = 'localhost'): Promise<BadServer> {
  const ciphers = options.ciphers ?? 'DEFAULT:@SECLEVEL=0'
  const server = createServer({ ...options, ciphers }, (_request, response) => response.end('ok'))
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = (): void => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `https://${host}:${port}`, close }
}

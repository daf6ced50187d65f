// An authority and certificates, made by OpenSSL when they are needed and good for a day.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** PEM texts. */
export interface Issued {
  readonly certificate: string
  readonly key: string
}

export interface Authority {
  readonly pem: string
  /** `names` are DNS names and IPv4 addresses; with `days` of -1 it ended yesterday. */
  issue(names: readonly string[], days?: number): Issued
  remove(): void
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

export function makeAuthority(): Authority {
  const directory = mkdtempSync(join(tmpdir(), 'authority-'))
  const file = (name: string): string => join(directory, name)
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
  const root = ['-keyout', file('ca.key'), '-out', file('ca.pem'), '-days', '1']
  openssl('req', '-x509', ...NEW_KEY, ...root, '-subj', '/CN=test authority')
  const issue: Authority['issue'] = (names, days = 1) => {
    const kinds = names.map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`))
    writeFileSync(file('names'), `subjectAltName=${kinds.join()}`)
    const request = ['-keyout', file('leaf.key'), '-out', file('leaf.csr'), '-subj', '/CN=leaf']
    openssl('req', ...NEW_KEY, ...request)
    const signing = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-days', String(days)]
    const leaf = ['-in', file('leaf.csr'), '-out', file('leaf.pem'), '-extfile', file('names')]
    openssl('x509', '-req', ...signing, ...leaf)
    return { certificate: read('leaf.pem'), key: read('leaf.key') }
  }
  const read = (name: string): string => readFileSync(file(name), 'utf8')
  return { pem: read('ca.pem'), issue, remove: () => rmSync(directory, { recursive: true }) }
}
